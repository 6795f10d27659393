"""``cluster-ai model pulls|pause|resume|cancel``: models on their way to nodes, and how far each node is."""

import shutil
import time
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.client import catalog_calls

if TYPE_CHECKING:
    from cluster_ai.catalog.types import LayerProgress, PullPart, PullView
    from cluster_ai.client.sync import Client

COLUMNS: Final = ("pull", "model", "state", "size", "done", "nodes")
LOOK_SECONDS: Final = 0.5
WIDTH: Final = 16
SHORT: Final = 12
_UP_AND_CLEAR: Final = "\x1b[{}A\x1b[J"
_TENTHS: Final = 10


@click.command("pulls", cls=Verb, help=t("model.pulls"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def pulls(*, as_json: bool, watch: bool) -> None:
    with place.client() as client:

        def look() -> None:
            found = client.send(catalog_calls.pulls())
            if as_json:
                show.out_json({"items": [one.model_dump(mode="json") for one in found]}, compact=watch)
            else:
                show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found))

        repeated(look, watch=watch, clear=not as_json)


@click.command("pause", cls=Verb, help=t("model.pause"))
@click.argument("pull_id", metavar=t("meta.pull"))
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.part_of"))
def pause(*, pull_id: str, nodes: tuple[str, ...]) -> None:
    _steer(pull_id, "pause", nodes)


@click.command("resume", cls=Verb, help=t("model.resume"))
@click.argument("pull_id", metavar=t("meta.pull"))
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.part_of"))
def resume(*, pull_id: str, nodes: tuple[str, ...]) -> None:
    _steer(pull_id, "resume", nodes)


@click.command("cancel", cls=Verb, help=t("model.cancel"))
@click.argument("pull_id", metavar=t("meta.pull"))
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.part_of"))
@click.option("--purge", is_flag=True, help=t("model.purge"))
def cancel(*, pull_id: str, nodes: tuple[str, ...], purge: bool) -> None:
    _steer(pull_id, "cancel", nodes, purge=purge)


def has_machines(client: "Client") -> bool:
    """Whether any node is a machine with our agent."""
    return any(node.kind.value == "machine" for node in client.nodes())


def begin(client: "Client", name: str, nodes: tuple[str, ...], *, fits: bool, one_node: bool) -> "PullView":
    """A pull that goes on by itself."""
    return client.send(catalog_calls.begin_pull(name, nodes=nodes, fits=fits, one_node=one_node))


def follow(client: "Client", view: "PullView") -> None:
    """Shows a pull until it ends. Who leaves does not stop it; who wants that cancels it."""
    rows = _Rows()
    try:
        while not view.state.ended:
            rows.draw(view)
            time.sleep(LOOK_SECONDS)
            view = client.send(catalog_calls.pull(view.id))
    except KeyboardInterrupt:
        show.say(t("model.goes_on", pull=view.id))
        leave(Exit.INTERRUPTED)
    rows.draw(view, last=True)
    if view.state.value != "done":
        show.say(t("model.resume_it", pull=view.id))
        leave(Exit.ERROR)


def part_line(part: "PullPart", *, width: int = 0) -> str:
    """A node, its state, how much has come and from where."""
    total = sum(layer.total for layer in part.layers)
    share = f"{part.completed / total:4.0%}  {show.size(total)}" if total else ""
    words = show.safe(part.error or part.status)
    return "  ".join(filter(None, [show.safe(part.node).ljust(width), show.state(part.state.value), share, words]))


def layer_line(layer: "LayerProgress") -> str:
    """One file's bar."""
    full = round(WIDTH * layer.completed / layer.total) if layer.total else 0
    name = layer.digest.removeprefix("sha256:")[:SHORT]
    return f"    {name}  {'█' * full}{'░' * (WIDTH - full)}  {show.size(layer.completed)} / {show.size(layer.total)}"


class _Rows:
    """Redrawn on a terminal; in a pipe a line for each tenth of the way and for each new state."""

    def __init__(self) -> None:
        self._redraws = show.is_terminal(err=True)
        self._drawn = 0
        self._said: dict[str, tuple[str, int]] = {}

    def draw(self, view: "PullView", *, last: bool = False) -> None:
        width = max((len(part.node) for part in view.parts), default=0)
        if self._redraws:
            self._redraw([line for part in view.parts for line in _lines(part, width)])
            return
        for part in view.parts:
            total = sum(layer.total for layer in part.layers)
            mark = (part.state.value, int(part.completed / total * _TENTHS) if total else 0)
            if self._said.get(part.node) != mark or last:
                self._said[part.node] = mark
                show.say(part_line(part, width=width))

    def _redraw(self, lines: list[str]) -> None:
        # A row that wraps would not be found again by its number.
        columns = shutil.get_terminal_size().columns - 1
        back = _UP_AND_CLEAR.format(self._drawn) if self._drawn else ""
        show.say(back + "\n".join(line[:columns] for line in lines))
        self._drawn = len(lines)


def _lines(part: "PullPart", width: int) -> list[str]:
    open_layers = [layer for layer in part.layers if layer.completed < layer.total]
    return [part_line(part, width=width), *map(layer_line, open_layers)]


def _steer(pull_id: str, verb: str, nodes: tuple[str, ...], **more: bool) -> None:
    with place.client() as client:
        view = client.send(catalog_calls.steer(_whole(client, pull_id), verb, nodes=nodes, **more))
    width = max((len(part.node) for part in view.parts), default=0)
    for part in view.parts:
        show.out(part_line(part, width=width))


def _whole(client: "Client", pull_id: str) -> str:
    """The identifier that begins, or ends, so: nobody types 36 characters."""
    known = [one.id for one in client.send(catalog_calls.pulls())]
    found = [one for one in known if one.startswith(pull_id) or one.endswith(pull_id)]
    return found[0] if len(found) == 1 else pull_id


def _row(view: "PullView") -> tuple[object, ...]:
    total = view.size * len(view.parts)
    done = sum(part.completed for part in view.parts)
    share = f"{min(1.0, done / total):.0%}" if total else ""
    nodes = ", ".join(f"{part.node} ({show.state(part.state.value)})" for part in view.parts)
    return (view.id[-SHORT:], view.model, show.state(view.state.value), show.size(view.size), share, nodes)
