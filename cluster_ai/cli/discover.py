"""``cluster-ai node discover``: what is near that could become a machine of the cluster."""

import asyncio
from typing import Any

import click

from cluster_ai.cli import show
from cluster_ai.cli.finding import FIT, HEADS, remarks, row
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError, InvalidInput


@click.command("discover", cls=Verb, help=t("discover.help"))
@click.option("--add", "adds", is_flag=True, help=t("discover.add"))
@click.option("--ports", metavar="22,8000-8100", help=t("discover.ports"))
@click.option("--host", "hosts", multiple=True, metavar=t("meta.address"), help=t("discover.host"))
@click.option("--seconds", type=click.FloatRange(0, 60), default=3.0, metavar="S", help=t("discover.seconds"))
@click.option("--scan/--no-scan", default=True, help=t("discover.scan"))
@as_json
def discover(*, adds: bool, as_json: bool, **said: Any) -> None:
    from cluster_ai.cli.searching import search
    from cluster_ai.cli.wishing import wish_of

    seen = asyncio.run(search(wish_of(**said), quiet=as_json))
    if as_json:
        items = [one.model_dump(mode="json") | {"usable": one.usable} for one in seen.found]
        show.out_json({"items": items, **seen.ended.model_dump(mode="json", exclude={"found"})})
    else:
        show.table([t(f"column.{name}") for name in HEADS], map(row, seen.found), fit=FIT)
        remarks(seen.ended)
    if adds:
        _add(seen.targets())


def _add(targets: list[str]) -> None:
    """Asks for each machine that can be used whether it is to be added, and adds it."""
    import sys

    from cluster_ai.cli.adding import add_found

    if not sys.stdin.isatty():
        raise InvalidInput(t("discover.no_terminal"), hint="cluster-ai node add user@host")
    for target in targets:
        if click.confirm(t("discover.add_this", name=show.safe(target)), default=False, err=True):
            try:
                add_found(target)
            except ClusterError as exc:
                # The next one may do better.
                show.error(exc)
