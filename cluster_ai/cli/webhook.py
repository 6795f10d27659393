"""``cluster-ai webhook``: who outside is told what happens."""

import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.client.sync import Client
    from cluster_ai.notify.types import DeliveryView, EndpointView

COLUMNS: Final = ("id", "name", "kind", "state", "events", "url")
FIT: Final = show.fit_of(COLUMNS, whole=["id"], spare=("url", "events", "kind", "name", "state"))
DELIVERIES: Final = ("id", "event", "state", "attempts", "code", "ms", "next", "changed", "answer")
DELIVERIES_FIT: Final = show.fit_of(
    DELIVERIES, whole=["id"], spare=("answer", "ms", "changed", "next", "attempts", "event", "code", "state")
)
KINDS: Final = ("webhook", "slack", "ntfy", "email", "apprise")
_LONGEST_ANSWER: Final = 60


@click.group("webhook", cls=Noun, help=t("webhook.help"))
def webhook() -> None:
    pass


@webhook.command("add", help=t("webhook.add"))
@click.argument("url", metavar="URL")
@click.option("--events", "events", multiple=True, metavar=t("meta.pattern"), help=t("webhook.events"))
@click.option("--kind", type=click.Choice(KINDS), default=KINDS[0], help=t("webhook.kind"))
@click.option("--name", default="", metavar=t("meta.name"), help=t("webhook.name"))
@click.option("--secret-file", type=click.File(), metavar=t("meta.file"), help=t("webhook.secret_file"))
@as_json
def add(*, url: str, events: tuple[str, ...], kind: str, name: str, secret_file: TextIO | None, as_json: bool) -> None:
    from cluster_ai.client import webhooks

    fields = {"url": url, "kind": kind, "name": name, "events": list(events) or ["*"]}
    if secret_file is not None:
        # Never an argument: those stand in every list of processes.
        fields["secret"] = secret_file.read(1024).strip()
    with place.client() as client:
        made = client.send(webhooks.add_webhook(fields))
    if as_json:
        show.out_json(made.model_dump(mode="json"))
        return
    show.say(t("webhook.added", id=made.endpoint.id))
    if made.secret and secret_file is None:
        # The secret alone goes to stdout, so that a script can take it.
        show.say(t("webhook.secret"))
        show.out(made.secret)


@webhook.command("list", help=t("webhook.list"))
@as_json
def listing(*, as_json: bool) -> None:
    from cluster_ai.client import webhooks

    with place.client() as client:
        found = client.send(webhooks.webhooks())
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


@webhook.command("show", help=t("webhook.show"))
@click.argument("which", metavar=t("meta.webhook"))
@as_json
def one(*, which: str, as_json: bool) -> None:
    with place.client() as client:
        found = _named(client, which)
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    rows = list(zip((t(f"column.{name}") for name in COLUMNS), _row(found), strict=True))
    if found.failing_since is not None:
        rows.append((t("webhook.failing"), show.at(found.failing_since)))
    show.pairs(rows)


@webhook.command("enable", help=t("webhook.enable"))
@click.argument("which", metavar=t("meta.webhook"))
def enable(*, which: str) -> None:
    _switch(which, on=True)


@webhook.command("disable", help=t("webhook.disable"))
@click.argument("which", metavar=t("meta.webhook"))
def disable(*, which: str) -> None:
    _switch(which, on=False)


@webhook.command("remove", help=t("webhook.remove"))
@click.argument("which", metavar=t("meta.webhook"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def remove(*, which: str, yes: bool) -> None:
    from cluster_ai.client import webhooks

    with place.client() as client:
        found = _named(client, which)
        if not yes:
            _confirm(found)
        client.send(webhooks.remove_webhook(found.id))
    show.say(t("webhook.removed", id=found.id))


@webhook.command("test", help=t("webhook.test"))
@click.argument("which", metavar=t("meta.webhook"))
@as_json
def test(*, which: str, as_json: bool) -> None:
    from cluster_ai.client import webhooks

    with place.client() as client:
        answer = client.send(webhooks.try_webhook(_named(client, which).id))
    if as_json:
        show.out_json(answer.model_dump(mode="json"))
    elif answer.good:
        show.say(t("webhook.taken", status=answer.status, ms=answer.ms))
    else:
        why = answer.error or f"{answer.status} {_short(answer.excerpt)}"
        show.say(t("webhook.refused", why=show.safe(why)))
    if not answer.good:
        leave(Exit.ERROR)


@webhook.command("deliveries", help=t("webhook.deliveries"))
@click.argument("which", metavar=t("meta.webhook"))
@click.option("--state", type=click.Choice(["queued", "retrying", "sent", "dead"]), help=t("webhook.state"))
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, metavar="N", help=t("webhook.limit")
)
@as_json
def deliveries(*, which: str, state: str | None, limit: int, as_json: bool) -> None:
    from cluster_ai.client import webhooks

    with place.client() as client:
        found = client.send(webhooks.deliveries(_named(client, which).id, state=state or "", limit=limit))
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in DELIVERIES], map(_delivery, found), fit=DELIVERIES_FIT)


@webhook.command("redeliver", help=t("webhook.redeliver"))
@click.argument("which", metavar=t("meta.webhook"))
@click.argument("delivery", metavar=t("meta.delivery_optional"), required=False)
@as_json
def redeliver(*, which: str, delivery: str | None, as_json: bool) -> None:
    from cluster_ai.client import webhooks

    with place.client() as client:
        done = client.send(webhooks.redeliver(_named(client, which).id, delivery))
    if as_json:
        show.out_json(done.model_dump(mode="json"))
    else:
        show.say(t("webhook.queued", count=done.count))


def _switch(which: str, *, on: bool) -> None:
    from cluster_ai.client import webhooks

    with place.client() as client:
        found = client.send(webhooks.change_webhook(_named(client, which).id, {"enabled": on}))
    show.say(t("webhook.enabled", id=found.id) if on else t("webhook.disabled", id=found.id))


def _named(client: "Client", which: str) -> "EndpointView":
    """The webhook of that id, the beginning of one, or name.

    Raises:
        NotFound: none, or several.
    """
    from cluster_ai.client import webhooks

    found = client.send(webhooks.webhooks())
    for fits in (
        [row for row in found if row.id == which],
        [row for row in found if row.name == which],
        [row for row in found if row.id.startswith(which)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise NotFound(t("webhook.several", name=which), hint=", ".join(row.id for row in fits))
    raise NotFound(t("webhook.unknown", name=which), hint="cluster-ai webhook list")


def _confirm(found: "EndpointView") -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    if not click.confirm(t("webhook.sure", id=found.id, url=show.safe(found.url)), err=True):
        leave(Exit.ERROR)


def _row(row: "EndpointView") -> tuple[object, ...]:
    state = show.state("active") if row.enabled else show.state(row.why_disabled)
    return row.id, row.name, row.kind, state, ", ".join(row.events), row.url


def _delivery(row: "DeliveryView") -> tuple[object, ...]:
    now = time.time()
    return (
        row.id,
        row.event_type,
        show.state(row.state.value),
        row.attempts,
        "" if row.status is None else row.status,
        row.ms,
        "" if row.next_at is None else show.duration(max(0.0, row.next_at - now)),
        t("text.ago", age=show.duration(max(0.0, now - row.changed_at))),
        row.error or _short(row.excerpt),
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ANSWER else f"{line[: _LONGEST_ANSWER - 1]}…"
