"""``cluster-ai events``: what happens, as it happens."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.moments import moment
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.client import Message

LAST: Final = 50
"""So many are shown of those that were kept, where nobody says how many."""


@click.command(cls=Verb, help=t("events.help"))
@click.option("--topic", type=click.Choice(["events", "overview"]), default="events", help=t("events.topic"))
@click.option("--after", type=click.IntRange(min=0), metavar="N", help=t("events.after"))
@click.option("--count", type=click.IntRange(min=1), metavar="N", help=t("events.count"))
@click.option("--last", type=click.IntRange(1, 500), metavar="N", help=t("events.last"))
@click.option("--kind", metavar=t("meta.name"), help=t("events.kind"))
@click.option("--subject", metavar=t("meta.text"), help=t("events.subject"))
@click.option("--since", metavar=t("meta.time"), help=t("events.since"))
@click.option("--until", metavar=t("meta.time"), help=t("events.until"))
@as_json
def events(
    *, topic: str, after: int | None, count: int | None, last: int | None, as_json: bool, **wanted: str | None
) -> None:
    said = {name: value for name, value in wanted.items() if value}
    if last is not None or said:
        _look_back(said, last=last or LAST, as_json=as_json)
    else:
        asyncio.run(_follow(topic, after=after, count=count, as_json=as_json))


def _look_back(said: dict[str, str], *, last: int, as_json: bool) -> None:
    from cluster_ai.client import Message, event_calls

    asked = {name: str(moment(value)) if name in {"since", "until"} else value for name, value in said.items()}
    with place.client() as client:
        page = client.send(event_calls.kept(asked, limit=last))
    for found in reversed(page.items):
        _print(Message(found.number, "events", found.model_dump(exclude={"number"})), as_json=as_json, days=True)


async def _follow(topic: str, *, after: int | None, count: int | None, as_json: bool) -> None:
    from cluster_ai.client import AsyncClient

    async with AsyncClient.local(place.settings()) as client:
        messages: AsyncGenerator[Message, None] = client.live(topic, after=after, on_trouble=tell_trouble)
        async with aclosing(messages):
            seen = 0
            async for message in messages:
                _print(message, as_json=as_json)
                seen += 1
                if seen == count:
                    return


def tell_trouble(problem: ClusterError, pause: float) -> None:
    show.say(t("events.trouble", reason=show.reason(problem), pause=f"{pause:.1f}"))


def _print(message: "Message", *, as_json: bool, days: bool = False) -> None:
    if as_json:
        show.out_json({"number": message.number, "topic": message.topic, "data": message.data}, compact=True)
    elif message.topic == "events":
        show.out(sentence(message.data, days=days))
    else:
        show.out(f"{message.number}  {show.safe(json.dumps(message.data, ensure_ascii=False))}")


def sentence(event: dict[str, Any], *, days: bool = False) -> str:
    """``12:03:04  node.state  embedded: healthy -> down``; with ``days`` its day stands before that."""
    when = time.strftime("%Y-%m-%d %H:%M:%S" if days else "%H:%M:%S", time.localtime(float(event.get("at") or 0)))
    change = f"{event.get('before') or '-'} -> {event.get('after') or '-'}"
    return show.safe(f"{when}  {event.get('kind', '')!s:<14} {event.get('subject', '')}: {change}")
