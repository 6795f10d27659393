"""``cluster-ai plan``: graphs of tickets, handed in, watched and steered."""

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.plans.types import PlanView

COLUMNS: Final = ("plan", "name", "state", "tickets", "done", "failed", "owner", "made")
FIT: Final = show.fit_of(COLUMNS, whole=["plan", "state"], spare=("made", "owner", "name"))
_WHOLE: Final = 36
_LOOKED_AT: Final = 200


@click.group("plan", cls=Noun, help=t("plan.help"))
def plan() -> None:
    pass


@plan.command("submit", help=t("plan.submit"))
@click.argument("file", metavar=t("meta.file"))
@click.option("--key", metavar=t("meta.text"), help=t("plan.key"))
@click.option("--check", is_flag=True, help=t("plan.check"))
@click.option("--wait", is_flag=True, help=t("plan.wait_too"))
@as_json
def submit(*, file: str, key: str | None, check: bool, wait: bool, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    body = _with_key(read(file), key)
    if not check:
        _hand_in(body, wait=wait, as_json=as_json)
        return
    with place.client() as client:
        found = client.send(plan_calls.check(body))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
    else:
        show.say(t("plan.good", tickets=found.tickets, levels=found.levels))


@plan.command("run", help=t("plan.run"))
@click.argument("file", metavar=t("meta.file"))
@click.option("--key", metavar=t("meta.text"), help=t("plan.key"))
@as_json
def run(*, file: str, key: str | None, as_json: bool) -> None:
    _hand_in(_with_key(read(file), key), wait=True, as_json=as_json)


@plan.command("wait", help=t("plan.wait"))
@click.argument("which", metavar=t("meta.plan"))
@as_json
def wait_one(*, which: str, as_json: bool) -> None:
    wait_for(which, as_json=as_json)


@plan.command("list", help=t("plan.list"))
@click.option("--status", default="", metavar=t("meta.word"), help=t("plan.status"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, metavar="N", help=t("plan.limit"))
@as_json
def listing(*, status: str, limit: int, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        page = client.send(plan_calls.plans(status=status, limit=limit))
    if as_json:
        show.out_json(page.model_dump(mode="json"))
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, page.items), fit=FIT)


@plan.command("show", help=t("plan.show"))
@click.argument("which", metavar=t("meta.plan"))
@as_json
def show_one(*, which: str, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        plan_id = whole(client, which)
        found = client.send(plan_calls.plan(plan_id))
        page = client.send(plan_calls.tickets({"plan_id": plan_id}, limit=200))
    if as_json:
        tickets = [ticket.model_dump(mode="json") for ticket in page.items]
        show.out_json({"plan": found.model_dump(mode="json"), "tickets": tickets, "next": page.next})
        return
    show.pairs((t(f"column.{name}"), value) for name, value in zip(COLUMNS, _row(found), strict=True))
    if found.error_code:
        show.say(f"{found.error_code}: {show.safe(found.error_message)}")
    heads = ("ticket", "name", "kind", "state", "why")
    show.table(
        [t(f"column.{name}") for name in heads],
        (
            (one.ticket_id, one.task_id, one.task_type.value, state_of(one.status.value), one.error_code or "-")
            for one in page.items
        ),
    )


@plan.command("graph", help=t("plan.graph"))
@click.argument("which", metavar=t("meta.plan"))
@as_json
def graph(*, which: str, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        found = client.send(plan_calls.graph(whole(client, which)))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    needs: dict[str, list[str]] = {}
    for edge in found.edges:
        needs.setdefault(edge.ticket, []).append(edge.depends_on)
    on_the_way = set(found.critical_path)
    for node in found.nodes:
        mark = "*" if node.id in on_the_way else " "
        after = f"  <- {', '.join(needs[node.id])}" if node.id in needs else ""
        show.out(show.safe(f"{mark} {'  ' * node.level}{node.id} [{state_of(node.status.value)}]{after}"))
    show.say(t("plan.critical", count=len(found.critical_path), seconds=f"{found.critical_ms / 1000:g}"))


@plan.command("cancel", help=t("plan.cancel"))
@click.argument("which", metavar=t("meta.plan"))
@click.option("--within", type=click.FloatRange(0, 3600, min_open=True), default=30.0, help=t("plan.within"))
def cancel(*, which: str, within: float) -> None:
    _steer(which, "cancel", within_s=within)


@plan.command("pause", help=t("plan.pause"))
@click.argument("which", metavar=t("meta.plan"))
def pause(*, which: str) -> None:
    _steer(which, "pause")


@plan.command("resume", help=t("plan.resume"))
@click.argument("which", metavar=t("meta.plan"))
def resume(*, which: str) -> None:
    _steer(which, "resume")


@plan.command("replay", help=t("plan.replay"))
@click.argument("which", metavar=t("meta.plan"))
@click.option("--from", "start", metavar=t("meta.name"), help=t("plan.from"))
@click.option("--wait", is_flag=True, help=t("plan.wait_too"))
def replay(*, which: str, start: str | None, wait: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        accepted = client.send(plan_calls.replay(whole(client, which), start=start))
    again = accepted.plan.open_tickets
    show.say(t("plan.replayed", again=again, taken=accepted.plan.tickets - again))
    show.out(accepted.plan.plan_id)
    if wait:
        wait_for(accepted.plan.plan_id)


@plan.command("verify", help=t("plan.verify"))
@click.argument("which", metavar=t("meta.plan"))
def verify(*, which: str) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        found = client.send(plan_calls.verify(whole(client, which)))
    show.say(t("plan.intact", tickets=found.tickets))


def whole(client: "Client", which: str) -> str:
    """The id that begins or ends so: nobody types 36 characters."""
    from cluster_ai.client import plan_calls

    if len(which) == _WHOLE:
        return which
    known = [one.plan_id for one in client.send(plan_calls.plans(limit=_LOOKED_AT)).items]
    return one_of(known, which)


def one_of(known: list[str], which: str) -> str:
    """The only one of ``known`` that begins or ends with ``which``, else ``which`` itself."""
    found = [one for one in known if one.startswith(which) or one.endswith(which)]
    return found[0] if len(found) == 1 else which


def state_of(word: str) -> str:
    return t(f"work.{word}")


def _with_key(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    return body | ({"idempotency_key": key} if key else {})


def _hand_in(body: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        accepted = client.send(plan_calls.submit(body))
    if as_json and wait:
        wait_for(accepted.plan.plan_id, as_json=True)
        return
    if as_json:
        show.out_json(accepted.model_dump(mode="json"))
        return
    count = accepted.plan.tickets
    show.say(t("plan.submitted", tickets=count) if accepted.is_first else t("plan.known", tickets=count))
    show.out(accepted.plan.plan_id)
    if wait:
        wait_for(accepted.plan.plan_id)


def wait_for(which: str, *, as_json: bool = False) -> None:
    from cluster_ai.cli import plan_wait

    with place.client() as client:
        found = plan_wait.ended(client, whole(client, which))
        if as_json:
            show.out_json(found.model_dump(mode="json"))
        plan_wait.tell(client, found, quiet=as_json)


def _steer(which: str, verb: str, **said: Any) -> None:
    from cluster_ai.client import plan_calls

    with place.client() as client:
        found = client.send(plan_calls.steer(whole(client, which), verb, **said))
    show.say(t("plan.is", state=_state(found)))


def _row(found: "PlanView") -> tuple[object, ...]:
    done = found.tickets - found.open_tickets
    return (
        found.plan_id, found.name, _state(found), found.tickets, done, found.failed, found.owner,
        show.at(found.created_at),
    )  # fmt: skip


def _state(found: "PlanView") -> str:
    return state_of("paused") if found.paused and not found.status.ended else state_of(found.status.value)


def read(file: str) -> dict[str, Any]:
    """The plan in a JSON or TOML file, or on standard input (``-``, JSON)."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = tomllib.loads(text) if file.endswith(".toml") else json.loads(text)
    except OSError as exc:
        raise NotFound(f"{file} cannot be read: {exc.strerror}", hint="check the path") from exc
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{file} is no UTF-8 text", path="file") from exc
    except ValueError as exc:
        raise InvalidInput(f"{file}: {exc}", path="file", hint="a plan is JSON, or TOML in a file named so") from exc
    if not isinstance(found, dict):
        raise InvalidInput(f"{file} holds no plan: an object with tickets is meant", path="file")
    return found
