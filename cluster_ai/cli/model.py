"""``cluster-ai model``: what can be asked, and where it lies."""

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from cluster_ai.cli import benching, bringing, catalog, collecting, keeping, place, pulls, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.pulling import follow
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.views import ClusterModelView

ALL = "all"
"""The API's word for every node that can."""
COLUMNS = ("model", "size", "parameters", "quantization", "capabilities", "nodes", "loaded")
FIT = show.fit_of(
    COLUMNS, whole=["model"], spare=("quantization", "parameters", "capabilities", "loaded", "size", "nodes")
)


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
                show.table([t(f"column.{name}") for name in COLUMNS], map(_row, models), fit=FIT)

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
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.pull_node"))
@click.option("--all", "everywhere", is_flag=True, help=t("model.pull_all"))
@click.option("--fit", "fits", is_flag=True, help=t("model.pull_fit"))
@click.option("--background", is_flag=True, help=t("model.background"))
def pull(*, name: str, nodes: tuple[str, ...], everywhere: bool, fits: bool, background: bool) -> None:
    if nodes and everywhere:
        raise InvalidInput(t("model.node_or_all"), path="node")
    with place.client() as client:
        # Nodes with an agent copy from each other, and go on when the caller leaves.
        if fits or background or ((nodes or everywhere) and pulls.has_machines(client)):
            # As without --background: onto the one with most room, where nothing is said of where.
            view = pulls.begin(client, name, nodes, fits=fits, one_node=not (nodes or everywhere or fits))
            if background:
                show.out(t("model.begun", name=name, pull=view.id))
                return
            pulls.follow(client, view)
        else:
            follow(client.pull(name, nodes=(ALL,) if everywhere else nodes))
    show.say(t("model.pulled", name=name))


@model.command("rm", help=t("model.rm"))
@click.argument("name", metavar=t("meta.model"))
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.rm_node"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def rm(*, name: str, nodes: tuple[str, ...], yes: bool) -> None:
    if not yes:
        _confirm(name)
    with place.client() as client:
        gone = keeping.removed(client, name, nodes)
    show.say(t("model.removed", name=name, nodes=", ".join(map(show.safe, gone.nodes))))
    for node, freed in sorted(gone.freed.items()):
        show.say(t("model.freed", node=show.safe(node), size=show.size(freed)))


for _verb in (
    catalog.search, catalog.fit, pulls.pulls, pulls.pause, pulls.resume, pulls.cancel, keeping.load, keeping.unload,
    keeping.pin, keeping.unpin, keeping.pins, keeping.copy, keeping.update, collecting.gc, benching.bench,
    bringing.bring,
):  # fmt: skip
    model.add_command(_verb)


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
    values = {"about": "model", "name": name}
    raise NotFound(f"no model is called {name}", hint=", ".join(near) or "cluster-ai model ls", values=values)


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
