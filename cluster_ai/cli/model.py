"""``cluster-ai model``: what can be asked, and where it lies."""

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.bar import Bar
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.views import ClusterModelView

COLUMNS = ("model", "size", "parameters", "quantization", "capabilities", "nodes", "loaded")


@click.group(cls=Noun, help=t("model.help"))
def model() -> None:
    pass


@model.command("ls", help=t("model.ls"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def ls(*, as_json: bool, watch: bool) -> None:
    with place.client() as client:

        def look() -> None:
            models = client.models()
            if as_json:
                show.out_json({"items": [found.model_dump(mode="json") for found in models]}, compact=watch)
            else:
                show.table([t(f"column.{name}") for name in COLUMNS], map(_row, models))

        repeated(look, watch=watch, clear=not as_json)


@model.command("show", help=t("model.show"))
@click.argument("name", metavar=t("meta.model"))
@as_json
def one(*, name: str, as_json: bool) -> None:
    with place.client() as client:
        found = named(client.models(), name)
    if as_json:
        show.out_json(found.model_dump(mode="json"))
    else:
        heads = [t(f"column.{column}") for column in (*COLUMNS, "family")]
        show.pairs(zip(heads, (*_row(found), found.family), strict=True))


@model.command("pull", help=t("model.pull"))
@click.argument("name", metavar=t("meta.model"))
@click.option("--node", metavar=t("meta.node"), help=t("model.pull_node"))
def pull(*, name: str, node: str | None) -> None:
    last = ""
    with place.client() as client, Bar() as bar:
        for step in client.pull(name, node=node):
            if step.status != last:
                last = step.status
                bar.line(show.safe(last))
            if step.total:
                bar.draw(step.completed, step.total, of=show.size(step.total))
    show.say(t("model.pulled", name=name))


@model.command("rm", help=t("model.rm"))
@click.argument("name", metavar=t("meta.model"))
@click.option("--node", metavar=t("meta.node"), help=t("model.rm_node"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def rm(*, name: str, node: str | None, yes: bool) -> None:
    if not yes:
        _confirm(name)
    with place.client() as client:
        client.delete_model(name, node=node)
    show.say(t("model.removed", name=name))


def named(models: "tuple[ClusterModelView, ...]", name: str) -> "ClusterModelView":
    """The model of that name; the tag may be left out where that leaves one.

    Raises:
        NotFound: none, or several.
    """
    for candidates in (
        [found for found in models if found.name in {name, f"{name}:latest"}],
        [found for found in models if found.name.partition(":")[0] == name],
    ):
        if len(candidates) == 1:
            return candidates[0]
    near = get_close_matches(name, [found.name for found in models])
    raise NotFound(f"no model is called {name}", hint=", ".join(near) or "cluster-ai model ls")


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    if click.prompt(t("model.rm_type", name=name), default="", show_default=False, err=True) != name:
        show.say(t("model.kept"))
        leave(Exit.ERROR)


def _row(model: "ClusterModelView") -> tuple[object, ...]:
    return (
        model.name,
        show.size(model.size),
        model.parameter_size,
        model.quantization,
        ", ".join(model.capabilities),
        ", ".join(model.nodes),
        ", ".join(model.loaded_on),
    )
