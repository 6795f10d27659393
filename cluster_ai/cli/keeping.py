"""``cluster-ai model load|unload|pin|unpin|pins|copy|update``: models that nodes have."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.client import catalog_calls
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.client.catalog_calls import Freed, Outcome
    from cluster_ai.client.sync import Client

PINS: Final = ("model", "node", "by")
UPDATES: Final = ("model", "size", "nodes")
_model = click.argument("name", metavar=t("meta.model"))
_nodes = click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.only_at"))


@click.command("load", cls=Verb, help=t("model.load"))
@_model
@_nodes
@click.option("--keep", is_flag=True, help=t("model.keep"))
def load(*, name: str, nodes: tuple[str, ...], keep: bool) -> None:
    _change(name, "load", nodes, keep=keep)


@click.command("unload", cls=Verb, help=t("model.unload"))
@_model
@_nodes
def unload(*, name: str, nodes: tuple[str, ...]) -> None:
    _change(name, "unload", nodes)


@click.command("pin", cls=Verb, help=t("model.pin"))
@_model
@_nodes
def pin(*, name: str, nodes: tuple[str, ...]) -> None:
    _change(name, "pin", nodes)


@click.command("unpin", cls=Verb, help=t("model.unpin"))
@_model
def unpin(*, name: str) -> None:
    with place.client() as client:
        client.send(catalog_calls.unpin(name))
    show.say(t("model.unpinned", name=name))


@click.command("pins", cls=Verb, help=t("model.pins"))
@as_json
def pins(*, as_json: bool) -> None:
    with place.client() as client:
        found = client.send(catalog_calls.pins())
    if as_json:
        show.out_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        show.table([t(f"column.{name}") for name in PINS], [(one.model, one.node, one.by) for one in found])


@click.command("copy", cls=Verb, help=t("model.copy"))
@_model
@click.argument("new", metavar=t("meta.new_name"))
@_nodes
def copy(*, name: str, new: str, nodes: tuple[str, ...]) -> None:
    _change(name, "copy", nodes, name=new)


@click.command("update", cls=Verb, help=t("model.update"))
@click.argument("names", nargs=-1, metavar=t("meta.models"))
@click.option("--all", "everything", is_flag=True, help=t("model.update_all"))
@click.option("--check", is_flag=True, help=t("model.update_check"))
def update(*, names: tuple[str, ...], everything: bool, check: bool) -> None:
    if not check and bool(names) == everything:
        raise InvalidInput(t("model.names_or_all"), path="all")
    with place.client() as client:
        if check:
            found = client.send(catalog_calls.updates())
            rows = [(one.model, show.size(one.size), ", ".join(one.nodes)) for one in found]
            show.table([t(f"column.{head}") for head in UPDATES], rows)
            return
        begun = client.send(catalog_calls.update(names))
    show.say(t("model.updating", count=len(begun)))
    for view in begun:
        show.out(view.model)


def removed(client: "Client", name: str, nodes: tuple[str, ...]) -> "Freed":
    """Where a model was removed, and what that gave back."""
    return client.send(catalog_calls.remove(name, nodes))


def _change(model: str, verb: str, nodes: tuple[str, ...], **more: Any) -> None:
    with place.client() as client:
        outcomes = client.send(catalog_calls.change(model, verb, nodes=nodes, **more))
    _tell(outcomes)


def _tell(outcomes: "Iterable[Outcome]") -> None:
    failed = False
    for outcome in outcomes:
        failed = failed or bool(outcome.error)
        show.out(f"{show.safe(outcome.node)}: {show.safe(outcome.error) or t('model.done')}")
    if failed:
        leave(Exit.ERROR)
