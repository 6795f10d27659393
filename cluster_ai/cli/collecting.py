"""``cluster-ai model gc``: models that nobody has asked for, and away with them."""

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.catalog.types import Unused
    from cluster_ai.client.sync import Client

COLUMNS: Final = ("node", "model", "size", "last_used", "changed")
FIT: Final = show.fit_of(COLUMNS, whole=["node", "model"], spare=("changed", "last_used", "size"))


@click.command("gc", cls=Verb, help=t("model.gc"))
@click.option(
    "--days", type=click.IntRange(1, 3650), default=30, show_default=True, metavar="N", help=t("model.gc_days")
)
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.only_at"))
@click.option("--yes", is_flag=True, help=t("model.gc_yes"))
@as_json
def gc(*, days: int, nodes: tuple[str, ...], yes: bool, as_json: bool) -> None:
    from cluster_ai.client import catalog_calls

    with place.client() as client:
        found = client.send(catalog_calls.unused(days))
        rows = [one for one in found.items if not nodes or one.node in nodes]
        if as_json and not yes:
            show.out_json({"days": days, "items": [one.model_dump(mode="json") for one in rows]})
            return
        if not as_json:
            show.table([t(f"column.{name}") for name in COLUMNS], map(_row, rows), fit=FIT)
        for name in found.silent:
            show.say(t("model.gc_silent", node=show.safe(name)))
        if not rows:
            return
        if not yes and not _sure(rows):
            return
        gone = [one for one in rows if _removed(client, one)]
    if as_json:
        show.out_json({"days": days, "items": [one.model_dump(mode="json") for one in gone]})
    show.say(t("model.gc_done", count=len(gone), size=show.size(sum(one.freed for one in gone))))
    if len(gone) < len(rows):
        leave(Exit.PARTIAL)


def _sure(rows: "list[Unused]") -> bool:
    """On a terminal it is asked; elsewhere a list is all that nobody said yes to."""
    size = show.size(sum(one.freed for one in rows))
    if not (sys.stdin.isatty() and show.is_terminal()):
        show.say(t("model.gc_would", count=len(rows), size=size))
        return False
    return click.confirm(t("model.gc_sure", count=len(rows), size=size), err=True)


def _removed(client: "Client", one: "Unused") -> bool:
    from cluster_ai.client import catalog_calls

    try:
        client.send(catalog_calls.remove(one.model, (one.node,)))
    except ClusterError as exc:
        # The others can go all the same.
        show.say(f"{show.safe(one.node)} {show.safe(one.model)}: {show.reason(exc)}")
        return False
    return True


def _row(one: "Unused") -> tuple[object, ...]:
    changed = time.strftime("%Y-%m-%d", time.gmtime(one.modified_at))
    return one.node, one.model, show.size(one.size), one.last_used or t("model.gc_never"), changed
