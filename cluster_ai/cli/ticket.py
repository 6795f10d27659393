"""``cluster-ai ticket``: the pieces that plans are made of."""

import json
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli import plan as plans
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.ticket_new import create
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.plans.types import TicketView

COLUMNS: Final = ("ticket", "name", "kind", "state", "priority", "node", "tries", "why")
LISTED: Final = (*COLUMNS[:2], "plan", *COLUMNS[2:])
FIT: Final = show.fit_of(LISTED, whole=["ticket", "state"], spare=("priority", "node", "plan", "why", "name"))
_WHOLE: Final = 36
WHICH: Final = t("meta.ticket")


@click.group("ticket", cls=Noun, help=t("ticket.help"))
def ticket() -> None:
    pass


ticket.add_command(create)


@ticket.command("list", help=t("ticket.list"))
@click.option("--plan", "plan_id", default="", metavar=t("meta.plan"), help=t("ticket.plan"))
@click.option("--status", "--state", "status", default="", metavar=t("meta.word"), help=t("ticket.status"))
@click.option("--type", "kind", default="", metavar=t("meta.kind"), help=t("ticket.type"))
@click.option("--text", default="", metavar=t("meta.text"), help=t("ticket.text"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, metavar="N", help=t("plan.limit"))
@as_json
def listing(*, plan_id: str, limit: int, as_json: bool, **asked: str) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        filters = {"status": asked["status"], "type": asked["kind"].upper(), "text": asked["text"]}
        filters["plan_id"] = plans.whole(client, plan_id) if plan_id else ""
        page = client.send(plan_calls.tickets(filters, limit=limit))
    if as_json:
        show.out_json(page.model_dump(mode="json"))
    else:
        rows = ((*row[:2], page.plan_names.get(one.plan_id, ""), *row[2:]) for one in page.items for row in [_row(one)])
        show.table([t(f"column.{name}") for name in LISTED], rows, fit=FIT)


@ticket.command("show", help=t("ticket.show"))
@click.argument("which", metavar=WHICH)
@as_json
def show_one(*, which: str, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        found = client.send(plan_calls.ticket(_whole(client, which)))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    show.pairs((t(f"column.{name}"), value) for name, value in zip(COLUMNS, _row(found), strict=True))
    if found.error_code:
        show.say(f"{found.error_code}: {show.safe(found.error_message)}")
    if found.result is not None:
        show.out(json.dumps(found.result, ensure_ascii=False))


@ticket.command("history", help=t("ticket.history"))
@click.argument("which", metavar=WHICH)
@as_json
def history(*, which: str, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        found = client.send(plan_calls.history(_whole(client, which)))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    heads = ("number", "when", "what", "who", "state", "why")
    show.table(
        [t(f"column.{name}") for name in heads],
        (
            (one.seq, show.at(one.at), one.type, one.actor, plans.state_of(one.to_state), one.data.get("code", "-"))
            for one in found.entries
        ),
    )
    show.say(t("ticket.intact") if found.intact else t("ticket.broken"))


@ticket.command("logs", help=t("ticket.logs"))
@click.argument("which", metavar=WHICH)
@click.option("-f", "--follow", is_flag=True, help=t("ticket.follow"))
@as_json
def logs(*, which: str, follow: bool, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client, client.lines(plan_calls.logs(_whole(client, which), follow=follow)) as lines:
        for line in lines:
            if as_json:
                show.out(json.dumps(dict(line), ensure_ascii=False))
            elif "lost" in line:
                show.say(t("ticket.lost", count=line["lost"]))
            else:
                show.out(show.safe(str(line.get("text", ""))))


@ticket.command("retry", help=t("ticket.retry"))
@click.argument("which", metavar=WHICH)
def retry(*, which: str) -> None:
    _steer(which, "retry")


@ticket.command("cancel", help=t("ticket.cancel"))
@click.argument("which", metavar=WHICH)
def cancel(*, which: str) -> None:
    _steer(which, "cancel")


@ticket.command("approve", help=t("ticket.approve"))
@click.argument("which", metavar=WHICH)
@as_json
def approve(*, which: str, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        seen = client.send(plan_calls.ticket(_whole(client, which)))
        if "unhold" not in seen.can:
            name, state = show.safe(seen.task_id), plans.state_of(seen.status.value)
            raise Conflict(t("ticket.not_held", name=name, state=state), hint="cluster-ai ticket list --status frozen")
        found = client.send(plan_calls.let_go(seen))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
    else:
        show.say(t("ticket.is", name=show.safe(found.task_id), state=plans.state_of(found.status.value)))


@ticket.command("revive", help=t("ticket.revive"))
@click.option("--plan", "plan_id", metavar=t("meta.plan"), help=t("ticket.plan"))
@click.option("--code", metavar=t("meta.word"), help=t("ticket.code"))
@as_json
def revive(*, plan_id: str | None, code: str | None, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        which = plans.whole(client, plan_id) if plan_id else None
        done = client.send(plan_calls.revive(plan_id=which, code=code)).ticket_ids
    if as_json:
        show.out_json({"ticket_ids": list(done)})
    else:
        show.say(t("ticket.revived", count=len(done)))


def _steer(which: str, verb: str) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        found = client.send(plan_calls.steer_ticket(_whole(client, which), verb))
    show.say(t("ticket.is", name=show.safe(found.task_id), state=plans.state_of(found.status.value)))


def _whole(client: "Client", which: str) -> str:
    """The id of the ticket that is called so, or whose id begins or ends so.

    Raises:
        InvalidInput: no ticket, or several.
    """
    from cluster_ai.client import plan_calls

    if len(which) == _WHOLE:
        return which
    known = client.send(plan_calls.tickets({}, limit=200)).items
    # The newest first: of tickets of one name the last that was handed in is meant.
    named = next((one.ticket_id for one in known if one.task_id == which), None)
    found = named or plans.one_of([one.ticket_id for one in known], which)
    if found == which:
        raise InvalidInput(t("ticket.unknown", which=which), path="ticket", hint="cluster-ai ticket list")
    return found


def _row(found: "TicketView") -> tuple[object, ...]:
    return (
        found.ticket_id, found.task_id, found.task_type.value, plans.state_of(found.status.value),
        found.priority.value, found.allocated_agent_id or "-", found.attempt, found.error_code or "-",
    )  # fmt: skip
