"""``cluster-ai logs search``: what is found in all that the parts have logged."""

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.log_lines import readable
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.logs.types import MOST_LINES, LogLine

_BEHIND: Final = 1024 * 1024
"""Of a part that writes just now some bytes are always still to come."""


@click.command("search", cls=Verb, help=t("logs.search"))
@click.argument("query", nargs=-1, metavar=t("meta.words"))
@click.option("-n", "--limit", type=click.IntRange(1, MOST_LINES), default=50, show_default=True, help=t("logs.limit"))
@click.option("-f", "--follow", is_flag=True, help=t("logs.follow"))
@as_json
def search(*, query: tuple[str, ...], limit: int, follow: bool, as_json: bool) -> None:
    from cluster_ai.client import log_calls

    asked = " ".join(query)
    with place.client() as client:
        page = client.send(log_calls.search(asked, limit=limit))
    if as_json and not follow:
        show.out_json(page.model_dump(mode="json"))
        return
    for line in reversed(page.items):
        _print_found(line, as_json=as_json)
    if page.kept.lost_bytes or page.kept.behind_bytes > _BEHIND:
        show.say(t("logs.partial", lost=show.size(page.kept.lost_bytes), behind=show.size(page.kept.behind_bytes)))
    if not page.items and not follow:
        show.say(t("logs.none"))
    if follow:
        asyncio.run(_follow(asked, after=page.items[0].number if page.items else None, as_json=as_json))


async def _follow(asked: str, *, after: int | None, as_json: bool) -> None:
    from cluster_ai.cli.events import tell_trouble
    from cluster_ai.client import AsyncClient

    async with (
        AsyncClient.local(place.settings()) as client,
        aclosing(client.log_lines(asked, after=after, on_trouble=tell_trouble)) as messages,
    ):
        async for message in messages:
            _print_found(LogLine.model_validate(message.data), as_json=as_json)


def _print_found(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        show.out_json(line.model_dump(mode="json"), compact=True)
        return
    stamp = datetime.fromtimestamp(line.at, UTC).isoformat()
    said = {"event": line.text, "level": line.level, "timestamp": stamp, **line.fields}
    show.out(f"{stamp[:10]} {show.safe(line.part):<10} | {readable(json.dumps(said))}")
