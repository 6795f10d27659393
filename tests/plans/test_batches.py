"""Attempts that begin and end in batches: one unit of work, and each is fenced, answered and told by itself."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from backend.dispatching.work_door import WorkDoor
from cluster_ai.core.errors import ClusterError, InvalidInput, NotFound
from cluster_ai.executors.contract import Result
from cluster_ai.plans.clerk import Clerk
from cluster_ai.plans.records import Done, End, Fence, Leased
from cluster_ai.plans.results import MOST_BYTES
from cluster_ai.plans.tables import plans
from cluster_ai.plans.tables import tickets as tables
from cluster_ai.plans.types import Accepted, HistoryEntry, IllegalTransition, NoSuchTicket, StaleAttempt
from tests.plans.conftest import LEASE, Room, opened_room
from tests.plans.stories import in_room
from tests.plans.test_clerk import clerk_of

GOOD = Result(ok=True, value=1)
BAD = Result(ok=False, code="broken", error="it broke", retryable=False)
SOON = Result(ok=False, code="flaky", error="try again")


def many(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"t{number}"} | more for number in range(count)]


async def leased(room: Room, accepted: Accepted, names: list[str] | None = None) -> list[Leased]:
    """All that is ready, or those, by one unit of work."""
    wanted = [(accepted.ticket_ids[name], "w1") for name in names or sorted(await room.ready())]
    found = await room.opened.queue.lease_many(wanted, room.now, LEASE)
    assert None not in found
    return [one for one in found if one is not None]


async def begun(room: Room, accepted: Accepted, names: list[str] | None = None) -> list[Fence]:
    fences = [room.fence(one) for one in await leased(room, accepted, names)]
    allowed = await room.opened.reports.start_many(fences)
    assert not [one for one in allowed if isinstance(one, ClusterError)]
    return fences


def kinds(answers: list[Any]) -> list[Any]:
    """What each was told: its error's class, ``dup``, or that it was taken."""
    return [
        type(one) if isinstance(one, ClusterError) else "dup" if isinstance(one, Done) and one.dup else "taken"
        for one in answers
    ]


def events(room: Room, kind: str, since: int = 0) -> list[str]:
    return [event.subject for event in room.told[since:] if event.type == kind]


@in_room
async def test_a_batch_is_leased_begun_and_ended_each_under_its_own_fence(room: Room) -> None:
    accepted = await room.submit(*many(5), {"id": "z", "depends_on": ["t0", "t3", "t4"]})
    fences = await begun(room, accepted)
    assert len({fence.token for fence in fences}) == 5
    done = await room.opened.reports.end_many([End(fence, Result(ok=True, value=n)) for n, fence in enumerate(fences)])
    assert kinds(done) == ["taken"] * 5
    assert events(room, "ticket.ready") == [accepted.ticket_ids["z"]], "once, after the last that it waited for"
    assert await room.ready() == ["z"]
    await room.succeed(accepted.ticket_ids["z"])
    assert events(room, "plan.started") == events(room, "plan.completed") == [accepted.plan.plan_id]
    for number in range(5):
        view = await room.opened.reader.ticket(accepted.ticket_ids[f"t{number}"])
        assert (view.result, view.status, view.attempt) == (number, "succeeded", 1)
        history = await room.opened.reader.history(view.ticket_id)
        assert history.intact
        assert [entry.type for entry in history.entries] == ["created", "leased", "started", "completed"]
        assert [(one.outcome, one.started_at, one.ended_at) for one in history.attempts] == [
            ("succeeded", room.now, room.now)
        ]


@in_room
async def test_what_is_wrong_with_one_spoils_no_other(room: Room) -> None:
    accepted = await room.submit(*many(6))
    fences = await begun(room, accepted, ["t0", "t1", "t2", "t3"])
    (only_leased,) = [room.fence(one) for one in await leased(room, accepted, ["t4"])]
    nobody = Fence("00000000-0000-7000-8000-000000000000", 1, "secret")
    before = len(room.told)
    answers = await room.opened.reports.end_many(
        [
            End(fences[0], GOOD),
            End(Fence(fences[1].ticket_id, 1, fences[0].token), GOOD),
            End(Fence(fences[2].ticket_id, 2, fences[2].token), GOOD),
            End(only_leased, GOOD),
            End(nobody, GOOD),
            End(fences[3], Result(ok=True, value="x" * (MOST_BYTES + 1))),
            End(fences[0], GOOD),
            End(fences[0], BAD),
        ]
    )
    assert kinds(answers) == [
        "taken", StaleAttempt, StaleAttempt, IllegalTransition, NoSuchTicket, InvalidInput, "dup", StaleAttempt
    ]  # fmt: skip
    assert [event.type for event in room.told[before:]] == ["ticket.completed"]
    assert Counter((await room.states(accepted)).values()) == {"succeeded": 1, "running": 3, "leased": 1, "ready": 1}


@in_room
async def test_who_may_not_begin_is_refused_and_the_others_begin(room: Room) -> None:
    accepted = await room.submit(*many(4))
    fences = [room.fence(one) for one in await leased(room, accepted)]
    await room.opened.tickets.cancel(fences[1].ticket_id, owner=None, by="boss")
    wrong = Fence(fences[2].ticket_id, 1, fences[3].token)
    answers = await room.opened.reports.start_many([fences[0], fences[1], wrong, fences[3], fences[3]])
    assert kinds(answers) == ["taken", "taken", StaleAttempt, "taken", "taken"]
    assert [getattr(one, "cancel", None) for one in answers] == [False, True, None, False, False]
    assert list((await room.states(accepted)).values()) == ["running", "cancelling", "leased", "running"]
    assert len(events(room, "ticket.started")) == 2, "to say it twice is to say it once"


@in_room
async def test_large_results_are_files_and_a_refused_one_leaves_none(room: Room) -> None:
    accepted = await room.submit(*many(3))
    fences = await begun(room, accepted)
    large = [Result(ok=True, value=str(number) * 100_000) for number in range(3)]
    stale = Fence(fences[2].ticket_id, 7, fences[2].token)
    answers = await room.opened.reports.end_many(
        [End(fences[0], large[0]), End(fences[1], large[1]), End(stale, large[2])]
    )
    assert kinds(answers) == ["taken", "taken", StaleAttempt]
    files = await asyncio.to_thread(lambda: sorted(room.given.results.folder.rglob("*.json")))
    assert len(files) == 2
    for number in range(2):
        view = await room.opened.reader.ticket(accepted.ticket_ids[f"t{number}"])
        assert (view.result, view.result_bytes) == (None, 100_002)
        assert await room.opened.reader.result(view.ticket_id, owner=None) == str(number) * 100_000


@in_room
async def test_tickets_of_several_plans_are_a_unit_of_work_each(room: Room) -> None:
    first, second = await room.submit(*many(2)), await room.submit(*many(2))
    ids = [*first.ticket_ids.values(), *second.ticket_ids.values()]
    found = await room.opened.queue.lease_many([(one, "w") for one in ids], room.now, LEASE)
    fences = [room.fence(one) for one in found if one is not None]
    mixed = [fences[0], fences[2], fences[1], fences[3]]
    assert kinds(await room.opened.reports.start_many(mixed)) == ["taken"] * 4
    assert kinds(await room.opened.reports.end_many([End(one, GOOD) for one in mixed])) == ["taken"] * 4
    assert (await room.plan(first), await room.plan(second)) == ("succeeded", "succeeded")


@in_room
async def test_a_plan_that_goes_meanwhile_takes_no_reports_of_another_with_it(room: Room) -> None:
    gone, here = await room.submit(*many(2)), await room.submit(*many(2))
    fences = [*await begun(room, gone, ["t0", "t1"]), *await begun(room, here, ["t0", "t1"])]
    async with room.database.transaction() as connection:
        await plans.drop(connection, gone.plan.plan_id)
        telling = asyncio.create_task(room.opened.reports.end_many([End(fence, GOOD) for fence in fences]))
        await asyncio.sleep(0.5)
    assert kinds(await telling) == [NoSuchTicket, NoSuchTicket, "taken", "taken"]


@in_room
async def test_what_is_given_back_is_ready_at_once_and_has_cost_nothing(room: Room) -> None:
    accepted = await room.submit(*many(2, sla={"max_retries": 0}, qos={"delivery_mode": "AT_MOST_ONCE"}))
    fences = await begun(room, accepted)
    assert kinds(await room.opened.reports.end_many([End(one) for one in fences])) == ["taken", "taken"]
    assert sorted(await room.ready()) == ["t0", "t1"]
    assert kinds(await room.opened.reports.end_many([End(fences[0]), End(fences[1], GOOD)])) == ["dup", StaleAttempt]
    view = await room.opened.reader.ticket(fences[0].ticket_id)
    assert (view.retry_count, view.losses, view.error_code, view.attempt) == (0, 0, "", 1)
    await room.succeed(fences[0].ticket_id)
    history = await room.opened.reader.history(fences[0].ticket_id)
    assert history.intact
    assert [one.outcome for one in history.attempts] == ["returned", "succeeded"]
    assert "returned" in [entry.type for entry in history.entries]
    await room.opened.tickets.cancel(fences[1].ticket_id, owner=None, by="boss")
    assert await room.plan(accepted) == "cancelled"


@in_room
async def test_what_is_cancelled_or_paused_between_start_and_end(room: Room) -> None:
    accepted = await room.submit(*many(4))
    fences = await begun(room, accepted)
    await room.opened.tickets.cancel(fences[0].ticket_id, owner=None, by="boss")
    await room.opened.tickets.cancel(fences[1].ticket_id, owner=None, by="boss")
    await room.opened.plans.pause(accepted.plan.plan_id, owner=None, by="boss")
    cancelled = Result(ok=False, code="cancelled")
    ends = [End(fences[0], cancelled), End(fences[1]), End(fences[2]), End(fences[3], GOOD)]
    assert kinds(await room.opened.reports.end_many(ends)) == ["taken"] * 4
    assert list((await room.states(accepted)).values()) == ["cancelled", "cancelled", "ready", "succeeded"]
    assert await room.ready() == [], "what is given back to a plan that rests waits for it"
    assert kinds(await room.opened.reports.end_many(ends)) == ["dup"] * 4
    await room.opened.plans.resume(accepted.plan.plan_id, owner=None, by="boss")
    assert await room.ready() == ["t2"]


@in_room
async def test_a_lease_is_not_given_to_what_a_pause_or_a_freeze_holds(room: Room) -> None:
    resting, frozen, free = [
        await room.submit({"id": name, "type": kind})
        for name, kind in (("r", "EXECUTE"), ("f", "DEPLOY"), ("x", "EXECUTE"))
    ]
    ids = [resting.ticket_ids["r"], frozen.ticket_ids["f"], free.ticket_ids["x"], free.ticket_ids["x"]]
    await room.opened.plans.pause(resting.plan.plan_id, owner=None, by="boss")
    room.forbidden["BLOCK_DEPLOY"] = "the budget is spent"
    found = await room.opened.queue.lease_many([(one, "w") for one in (*ids, "nobody")], room.now, LEASE)
    assert [one.ticket.task_id if one else None for one in found] == [None, None, "x", None, None]
    assert (await room.opened.reader.ticket(ids[1])).status == "frozen"
    assert await room.opened.queue.lease_many([], room.now, LEASE) == []


@in_room
async def test_one_failure_in_a_batch_stops_the_plan_and_what_was_done_stays_done(room: Room) -> None:
    accepted = await room.submit(*many(4), {"id": "z", "depends_on": ["t0"]}, {"id": "y", "depends_on": ["t3"]})
    fences = await begun(room, accepted)
    answers = await room.opened.reports.end_many(
        [End(fences[0], GOOD), End(fences[1], BAD), End(fences[2], GOOD), End(fences[3], SOON)]
    )
    assert kinds(answers) == ["taken"] * 4
    states = await room.states(accepted)
    assert states == {
        "t0": "succeeded", "t1": "failed", "t2": "succeeded", "t3": "cancelled", "z": "cancelled", "y": "cancelled"
    }  # fmt: skip
    assert await room.plan(accepted) == "failed"
    assert len(events(room, "plan.failed")) == 1


@in_room
async def test_what_follows_many_failures_of_a_batch_is_read_once(room: Room) -> None:
    first = many(8)
    after: list[dict[str, Any]] = [
        {"id": f"s{number}", "depends_on": [one["id"] for one in first]} for number in range(20)
    ]
    accepted = await room.submit(*first, *after, failure_policy="CONTINUE")
    fences = await begun(room, accepted)
    with (
        patch.object(tables, "edges_of", wraps=tables.edges_of) as edges,
        patch.object(tables, "by_ids", wraps=tables.by_ids) as read,
    ):
        assert kinds(await room.opened.reports.end_many([End(fence, BAD) for fence in fences])) == ["taken"] * 8
    assert edges.call_count == 1
    followers = {accepted.ticket_ids[one["id"]] for one in after}
    assert sum(len(followers & set(call.args[1])) for call in read.call_args_list) == len(followers)
    assert Counter((await room.states(accepted)).values()) == {"failed": 8, "skipped": 20}


@in_room
async def test_what_a_worker_lost_does_not_count_against_a_ticket(room: Room) -> None:
    accepted = await room.submit(*many(1, sla={"max_retries": 0}))
    (fence,) = await begun(room, accepted)
    lost = End(fence, Result(ok=False, code="child_lost"), is_lost=True)
    assert kinds(await room.opened.reports.end_many([lost])) == ["taken"]
    view = await room.opened.reader.ticket(fence.ticket_id)
    assert (view.status, view.losses, view.retry_count) == ("retrying", 1, 0)


def test_two_dispatchers_race_for_batches_and_each_ticket_has_one_winner(url: str, tmp_path: Path) -> None:
    async def race() -> None:
        async with opened_room(url, tmp_path) as room, opened_room(url, tmp_path) as rival:
            accepted = await room.submit(*many(120))
            ids = list(accepted.ticket_ids.values())

            async def take(who: Room, worker: str, mine: list[str]) -> list[str]:
                won = []
                for start in range(0, len(mine), 16):
                    wanted = [(one, worker) for one in mine[start : start + 16]]
                    found = await who.opened.queue.lease_many(wanted, who.now, LEASE)
                    won += [one.ticket.ticket_id for one in found if one is not None]
                return won

            first, second = await asyncio.gather(take(room, "left", ids), take(rival, "right", ids[::-1]))
            # Rows that the other held at that moment were passed over; a dispatcher asks again.
            first += await take(room, "left", ids)
            assert sorted(first + second) == sorted(ids)
            for ticket_id in ids:
                history = await room.opened.reader.history(ticket_id)
                assert (history.intact, len(history.attempts)) == (True, 1)

    asyncio.run(race())


# -- over the wire


async def say(clerk: Clerk, verb: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    reply = await clerk.answer_many(verb, json.dumps({"items": items}).encode())
    found: list[dict[str, Any]] = json.loads(reply.model_dump_json())["items"]
    return found


def item(one: Leased, **more: Any) -> dict[str, Any]:
    return {"ticket_id": one.ticket.ticket_id, "attempt": one.attempt, "token": one.token} | more


@in_room
async def test_each_item_shows_its_own_token_and_is_answered_by_itself(room: Room) -> None:
    accepted, clerk = await room.submit(*many(5, type="INFER")), clerk_of(room)
    some = await leased(room, accepted)
    wrong = [item(some[1], token=some[0].token), item(some[2], token="nonsense"), item(some[3], attempt=2), {"x": 1}]
    found = await say(clerk, "start", [item(some[0]), *wrong, item(some[4])])
    assert [one["refused"] and one["refused"]["code"] for one in found] == [
        None, "ticket_token_scope", "ticket_token", "invalid_input", "invalid_input", None
    ]  # fmt: skip
    first = found[0]["begun"]
    assert (first["order"]["kind"], first["order"]["gateway_url"], first["cancel"]) == (
        "INFER",
        "http://gateway",
        False,
    )
    assert (found[0]["ticket_id"], found[0]["attempt"]) == (some[0].ticket.ticket_id, 1)
    token = first["token"]
    ends = [
        item(some[0], token=token, verb="complete", result=7, seconds=0.012),
        item(some[4], verb="fail", code="x", error="y", retryable=False, seconds=0.5, more=1),
        item(some[4], verb="destroy"),
        item(some[4], verb="complete", artefacts=[{"no": "artefact"}]),
        item(some[4], verb="return"),
    ]
    found = await say(clerk, "end", ends)
    codes = [one["refused"] and one["refused"]["code"] for one in found]
    assert codes == [None, "invalid_input", "invalid_input", "invalid_input", None]
    assert [one["dup"] for one in await say(clerk, "end", [ends[0], ends[-1]])] == [True, True]
    assert Counter((await room.states(accepted)).values()) == {"succeeded": 1, "leased": 3, "ready": 1}


@in_room
async def test_who_begins_late_is_refused_and_who_reports_late_is_heard(room: Room) -> None:
    accepted, clerk = await room.submit(*many(2)), clerk_of(room)
    first, second = await leased(room, accepted)
    await say(clerk, "start", [item(first)])
    room.later(100_000)
    (late,) = await say(clerk, "start", [item(second)])
    assert late["refused"]["code"] == "ticket_token"
    (told,) = await say(clerk, "end", [item(first, verb="complete")])
    assert told == {"ticket_id": first.ticket.ticket_id, "attempt": 1, "dup": False, "refused": None}


@in_room
async def test_how_long_they_took_is_noted_once_whichever_way_it_is_said(room: Room) -> None:
    accepted, clerk = await room.submit(*many(3)), clerk_of(room)
    some = await leased(room, accepted)
    plan_id = accepted.plan.plan_id
    await say(clerk, "start", [item(one) for one in some])
    ends = [item(some[0], verb="complete", seconds=0.4), item(some[1], verb="fail", seconds=0.4)]
    assert [one["dup"] for one in await say(clerk, "end", ends)] == [False, False]
    assert clerk.pace.mean(plan_id, "EXECUTE") == pytest.approx(0.4)
    assert [one["dup"] for one in await say(clerk, "end", [{**one, "seconds": 9.0} for one in ends])] == [True, True]
    body = json.dumps({"attempt": 1, "seconds": 0.8}).encode()
    await clerk.answer(some[2].ticket.ticket_id, "complete", some[2].token, body)
    assert clerk.pace.mean(plan_id, "EXECUTE") == pytest.approx(0.5)


@in_room
async def test_what_did_not_run_says_nothing_of_how_long_others_take(room: Room) -> None:
    accepted, clerk = await room.submit(*many(2)), clerk_of(room)
    some = await leased(room, accepted)
    await say(clerk, "start", [item(one) for one in some])
    codes = ("cancelled", "worker_stopped")
    ends = [item(one, verb="fail", code=code, seconds=0.0) for one, code in zip(some, codes, strict=True)]
    assert [one["refused"] for one in await say(clerk, "end", ends)] == [None, None]
    assert clerk.pace.mean(accepted.plan.plan_id, "EXECUTE") is None


@in_room
async def test_each_has_taken_the_time_that_it_ran_and_not_that_of_the_others(room: Room) -> None:
    accepted, clerk = await room.submit(*many(3)), clerk_of(room)
    some = await leased(room, accepted)
    await say(clerk, "start", [item(one) for one in some])
    room.later(2)
    took = [{"seconds": 0.25}, {"seconds": 99.0}, {}]
    await say(clerk, "end", [item(one, verb="complete", **more) for one, more in zip(some, took, strict=True)])
    found = [await room.opened.reader.ticket(one.ticket.ticket_id) for one in some]
    assert [one.actual_duration_ms for one in found] == [250, 2000, 2000]


@in_room
async def test_a_body_that_is_none_is_refused_whole(room: Room) -> None:
    clerk = clerk_of(room)
    for body in (b"[]", b"{", b'{"items": 1}', b'{"items": [1]}', json.dumps({"items": [{}] * 65}).encode()):
        with pytest.raises(InvalidInput):
            await clerk.answer_many("end", body)
    with pytest.raises(NotFound):
        await clerk.answer_many("destroy", b"{}")
    assert await say(clerk, "start", []) == []


async def asked(door: WorkDoor, method: str, path: str, body: object) -> tuple[int, Any]:
    """Status and body of an answer, as a server would have it."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    await door({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


@in_room
async def test_the_door_takes_batches_without_a_header(room: Room) -> None:
    accepted, door = await room.submit(*many(2)), WorkDoor(clerk_of(room))
    items = [item(one) for one in await leased(room, accepted)]
    status, reply = await asked(door, "POST", "/api/v1/work/batch/start", {"worker": "w1", "life": "x", "items": items})
    assert (status, [bool(one["begun"]) for one in reply["items"]]) == (200, [True, True])
    ends = {"items": [one | {"verb": "complete"} for one in items]}
    assert (await asked(door, "POST", "/api/v1/work/batch/end", ends))[0] == 200
    assert await room.plan(accepted) == "succeeded"
    for method, path, status in (
        ("GET", "/api/v1/work/batch/end", 405),
        ("POST", "/api/v1/work/batch/destroy", 404),
        ("POST", "/api/v1/work/other/start", 404),
        ("POST", f"/api/v1/work/{items[0]['ticket_id']}/start", 401),
    ):
        assert (await asked(door, method, path, ends))[0] == status


# -- the law


VERBS = ("complete", "fail", "flaky", "return", "lost", "stale")
ROUNDS = st.lists(
    st.tuples(
        st.sets(st.integers(0, 7), max_size=2),
        st.lists(st.tuples(st.integers(0, 7), st.sampled_from(VERBS)), max_size=12),
    ),
    min_size=1,
    max_size=3,
)
"""Each: tickets that are cancelled after they began, and ends in their order; by their place among those that began."""


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(1, 8))
    return [
        {
            "id": f"t{number}",
            "depends_on": [f"t{need}" for need in sorted(draw(st.sets(st.integers(0, number - 1), max_size=3)))]
            if number
            else [],
            "sla": {"max_retries": draw(st.integers(0, 1))},
        }
        for number in range(count)
    ]


def end_of(fence: Fence, verb: str) -> End:
    match verb:
        case "complete":
            return End(fence, Result(ok=True, value=fence.attempt))
        case "fail":
            return End(fence, BAD)
        case "flaky":
            return End(fence, SOON)
        case "lost":
            return End(fence, Result(ok=False, code="child_lost"), is_lost=True)
        case "stale":
            return End(Fence(fence.ticket_id, fence.attempt + 1, fence.token), GOOD)
        case _:
            return End(fence)


def seen(entry: HistoryEntry) -> tuple[str, ...]:
    """What is told of a move, but for which of several attempts made a ticket ready: the last that was reported."""
    who = entry.actor if entry.type != "ready" else ""
    return entry.type, entry.from_state, entry.to_state, who


async def played(room: Room, asked: list[dict[str, Any]], policy: str, rounds: Any, *, at_once: bool) -> dict[str, Any]:
    """What there is to see of a plan whose attempts end at once, or one after the other."""
    accepted = await room.submit(*asked, failure_policy=policy)
    names = {ticket_id: name for name, ticket_id in accepted.ticket_ids.items()}
    since, told = len(room.told), []
    for cancelled, ends in rounds:
        await room.opened.reaper.reap(room.now)
        free = {ticket.ticket_id for ticket in await room.opened.queue.ready(room.now, 1000)}
        ready = [name for name, ticket_id in accepted.ticket_ids.items() if ticket_id in free]
        if not ready:
            break
        fences = await begun(room, accepted, ready)
        for number in cancelled:
            one = fences[number % len(fences)].ticket_id
            if (await room.opened.reader.ticket(one)).status == "running":
                await room.opened.tickets.cancel(one, owner=None, by="boss")
        words = [end_of(fences[number % len(fences)], verb) for number, verb in ends]
        if at_once:
            told += kinds(await room.opened.reports.end_many(words))
        else:
            told += [kind for word in words for kind in kinds(await room.opened.reports.end_many([word]))]
    plan = await room.opened.reader.plan(accepted.plan.plan_id)
    by_ticket: dict[str, list[str]] = {}
    for event in room.told[since:]:
        by_ticket.setdefault(names.get(event.subject, "plan"), []).append(event.type)
    histories = [await room.opened.reader.history(one) for one in accepted.ticket_ids.values()]
    tickets = [await room.opened.reader.ticket(one) for one in accepted.ticket_ids.values()]
    return {
        "told": told,
        "events": by_ticket,
        "counters": (plan.status, plan.open_tickets, plan.succeeded, plan.failed, plan.cancelled, plan.error_code),
        "tickets": [
            (one.status, one.attempt, one.retry_count, one.losses, one.result, one.error_code) for one in tickets
        ],
        "attempts": [[(one.n, one.outcome, one.error_code, one.cost_class) for one in found.attempts] for found in histories],
        "history": [[seen(one) for one in found.entries] for found in histories],
        "intact": all(found.intact for found in histories),
    }  # fmt: skip


def test_what_comes_of_a_batch_is_what_comes_of_its_reports_one_by_one(url: str, tmp_path: Path) -> None:
    # What the two databases do differently shows in a few; a room on PostgreSQL costs four times as much.
    few = 40 if url.startswith("sqlite") else 10

    @settings(max_examples=few, deadline=None, phases=[Phase.reuse, Phase.generate])
    @given(graphs(), st.sampled_from(["FAIL_FAST", "CONTINUE", "COMPENSATE"]), ROUNDS)
    def law(asked: list[dict[str, Any]], policy: str, rounds: Any) -> None:
        async def both() -> None:
            async with opened_room(url, tmp_path) as room:
                one_by_one = await played(room, asked, policy, rounds, at_once=False)
                at_once = await played(room, asked, policy, rounds, at_once=True)
                for name, value in one_by_one.items():
                    assert at_once[name] == value, name
                assert at_once["intact"]

        asyncio.run(both())

    law()
