"""What is accepted, what is refused and why; the same twice; replays; results; what is dropped."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cluster_ai.core.consent import Action, Frozen
from cluster_ai.core.errors import Changed, InvalidInput
from cluster_ai.executors.contract import MOST_RESULT_BYTES, Result
from cluster_ai.plans.tables.schema import entries, plans, tickets
from cluster_ai.plans.types import (
    Accepted,
    ChainBroken,
    DuplicateTicket,
    IllegalTransition,
    KeyReused,
    NoSuchTicket,
    PlanCycle,
    UnknownDependency,
)
from cluster_ai.plans.upkeep import Upkeep
from tests.plans.conftest import LEASE, Room, Tell, opened_room

CHAIN = ({"id": "a"}, {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]})


def test_a_plan_that_is_none_is_refused_and_nothing_is_stored(tell: Tell) -> None:
    async def story(room: Room) -> None:
        wrong: tuple[tuple[type[Exception], str, tuple[dict[str, Any], ...]], ...] = (
            (
                PlanCycle,
                "a -> b -> c -> a",
                ({"id": "a", "depends_on": ["b"]}, {"id": "b", "depends_on": ["c"]}, {"id": "c", "depends_on": ["a"]}),
            ),
            (PlanCycle, "a -> a", ({"id": "a", "depends_on": ["a"]},)),
            (UnknownDependency, "a depends on zz", ({"id": "a", "depends_on": ["zz"]},)),
            (DuplicateTicket, "called a", ({"id": "a"}, {"id": "a"})),
            (InvalidInput, "no executor for PULL", ({"id": "a", "type": "PULL"},)),
            (InvalidInput, "undoes another", ({"id": "a", "type": "COMPENSATE"},)),
        )
        for kind, match, asked in wrong:
            with pytest.raises(kind, match=match):
                await room.submit(*asked)
        with pytest.raises(InvalidInput) as found:
            await room.submit({"id": "x"}, {"id": "a", "parameters": {"seconds": "many"}})
        assert found.value.path == "tickets.1.parameters.seconds"
        assert (await room.opened.reader.plans()).items == ()
        assert room.told == []

    tell(story)


def test_the_same_key_gives_the_first_plan_again(tell: Tell) -> None:
    async def story(room: Room) -> None:
        first = await room.submit(*CHAIN, idempotency_key="k1")
        again = await room.submit(*CHAIN, idempotency_key="k1")
        assert (first.is_first, again.is_first) == (True, False)
        assert again.ticket_ids == first.ticket_ids
        with pytest.raises(KeyReused):
            await room.submit({"id": "a"}, idempotency_key="k1")
        others = await room.submit({"id": "a"}, idempotency_key="k1", owner="bob")
        assert others.is_first
        room.later(7 * 86_400 + 1)
        late = await room.submit({"id": "a"}, idempotency_key="k1")
        assert late.is_first
        assert len((await room.opened.reader.plans(owner="ana")).items) == 2

    tell(story)


def test_the_same_key_at_the_same_moment_makes_one_plan(url: str, tmp_path: Path) -> None:
    async def race() -> None:
        async with opened_room(url, tmp_path) as room, opened_room(url, tmp_path) as rival:
            asked = (who.submit(*CHAIN, idempotency_key="k") for who in (room, rival, room, rival))
            accepted = await asyncio.gather(*asked)
            assert len({one.plan.plan_id for one in accepted}) == 1
            assert [one.is_first for one in accepted].count(True) == 1

    asyncio.run(race())


def test_a_replay_does_again_what_did_not_succeed(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*CHAIN, {"id": "z"})
        plan_id = accepted.plan.plan_id
        big = "x" * (MOST_RESULT_BYTES + 1)
        await room.succeed(accepted.ticket_ids["a"], big)
        await room.fail(accepted.ticket_ids["b"], retryable=False)
        again = await room.opened.plans.replay(plan_id, owner="ana", by="ana")
        assert again.plan.replay_of == plan_id
        assert await room.states(again) == {"a": "succeeded", "b": "ready", "c": "waiting", "z": "ready"}
        await room.opened.plans.cancel(plan_id, owner="ana", by="ana") if (
            await room.plan(accepted)
        ) == "running" else None
        assert await room.drain() in (["b", "z", "c"], ["z", "b", "c"])
        assert await room.opened.reader.result(again.ticket_ids["a"]) == big
        assert await room.opened.reader.verify(again.plan.plan_id) == 4
        from_b = await room.opened.plans.replay(again.plan.plan_id, owner="ana", by="ana", start="b")
        assert await room.states(from_b) == {"a": "succeeded", "b": "ready", "c": "waiting", "z": "succeeded"}
        whole = await room.opened.plans.replay(again.plan.plan_id, owner="ana", by="ana")
        assert "succeeded" not in (await room.states(whole)).values()
        with pytest.raises(NoSuchTicket):
            await room.opened.plans.replay(plan_id, owner="ana", by="ana", start="nobody")

    tell(story)


def test_a_dead_ticket_comes_back_with_what_was_left_out(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(
            {"id": "a", "sla": {"max_retries": 0}}, *CHAIN[1:], {"id": "z", "sla": {"max_retries": 0}},
            {"id": "y", "depends_on": ["z"]}, failure_policy="CONTINUE",
        )  # fmt: skip
        await room.fail(accepted.ticket_ids["a"])
        await room.fail(accepted.ticket_ids["z"])
        assert await room.plan(accepted) == "failed"
        view = await room.opened.tickets.retry(accepted.ticket_ids["a"], owner="ana", by="ana")
        assert (view.status, view.retry_count, view.error_code) == ("ready", 0, "")
        assert await room.plan(accepted) == "running"
        states = await room.states(accepted)
        assert states == {"a": "ready", "b": "waiting", "c": "waiting", "z": "dead", "y": "skipped"}
        assert await room.drain() == ["a", "b", "c"]
        assert await room.plan(accepted) == "failed"
        assert await room.opened.tickets.revive(owner="bob", by="bob") == ()
        revived = await room.opened.tickets.revive(owner=None, by="olga", code="broken")
        assert revived == (accepted.ticket_ids["z"],)
        assert await room.drain() == ["z", "y"]
        assert await room.plan(accepted) == "succeeded"
        with pytest.raises(IllegalTransition):
            await room.opened.tickets.retry(accepted.ticket_ids["a"], owner="ana", by="ana")
        assert (await room.opened.reader.history(accepted.ticket_ids["a"])).intact

    tell(story)


def test_a_freeze_refuses_deployments_and_holds_those_that_wait(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit({"id": "a"}, {"id": "go", "type": "DEPLOY", "depends_on": ["a"]})
        room.forbidden[Action.DEPLOY.value] = "the budget of chat is used up"
        with pytest.raises(Frozen):
            await room.submit({"id": "x", "type": "DEPLOY"})
        await room.succeed(accepted.ticket_ids["a"])
        go = accepted.ticket_ids["go"]
        assert await room.opened.queue.lease(go, "w", room.now, LEASE) is None
        view = await room.opened.reader.ticket(go)
        assert (view.status, view.error_code, view.error_message) == (
            "frozen", "frozen", "the budget of chat is used up",
        )  # fmt: skip
        with pytest.raises(Frozen):
            await room.opened.tickets.unhold(go, owner="ana", by="ana")
        assert not (await room.opened.reaper.reap(room.later(20))).any
        room.forbidden.clear()
        assert (await room.opened.reaper.reap(room.later(20))).ready == 1
        await room.succeed(go)
        assert await room.plan(accepted) == "succeeded"
        room.forbidden[Action.DEPLOY.value] = "again"
        undone = await room.submit({"id": "x"})
        assert await room.drain() == ["x"], "only deployments are held"
        assert await room.plan(undone) == "succeeded"

    tell(story)


def test_a_person_holds_and_lets_go(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*CHAIN)
        seen = await room.opened.reader.ticket(accepted.ticket_ids["b"])
        held = await room.opened.tickets.hold(
            accepted.ticket_ids["b"], owner="ana", by="ana", reason="let me look", revision=seen.revision
        )
        assert (held.status, held.error_message, held.can) == ("frozen", "let me look", ("cancel", "unhold"))
        with pytest.raises(Changed):
            await room.opened.tickets.cancel(accepted.ticket_ids["b"], owner="ana", by="ana", revision=seen.revision)
        await room.succeed(accepted.ticket_ids["a"])
        assert await room.ready() == []
        assert not (await room.opened.reaper.reap(room.later(10_000))).any
        loose = await room.opened.tickets.unhold(accepted.ticket_ids["b"], owner="ana", by="ana")
        assert loose.status == "ready", "what it waited for had happened meanwhile"
        assert await room.drain() == ["b", "c"]

    tell(story)


def test_a_changed_history_is_noticed(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*CHAIN)
        await room.drain()
        a, b, c = (accepted.ticket_ids[name] for name in "abc")
        changes = (
            (a, update(entries).where(entries.c.ticket_id == a, entries.c.seq == 2).values(actor="somebody else")),
            (b, entries.delete().where(entries.c.ticket_id == b, entries.c.seq == 5)),
            (c, update(tickets).where(tickets.c.ticket_id == c).values(parameters={"seconds": 9})),
        )
        for ticket_id, change in changes:
            assert (await room.opened.reader.history(ticket_id)).intact
            async with room.database.transaction() as connection:
                await connection.execute(change)
            assert not (await room.opened.reader.history(ticket_id)).intact
            with pytest.raises(ChainBroken):
                await room.opened.reader.verify(accepted.plan.plan_id)

    tell(story)


def test_large_results_are_files_that_are_checked(tell: Tell, tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*CHAIN)
        a = accepted.ticket_ids["a"]
        fence = await room.begin(a)
        big = {"text": "é" * MOST_RESULT_BYTES}
        await room.opened.reports.complete(fence, Result(ok=True, value=big))
        assert (await room.opened.reports.complete(fence, Result(ok=True, value=big))).dup
        view = await room.opened.reader.ticket(a)
        assert (view.result, view.result_bytes) == (None, 2 * MOST_RESULT_BYTES + len('{"text":""}'))
        assert await room.opened.reader.result(a) == big
        files = await asyncio.to_thread(lambda: list((tmp_path / "results").rglob("*.json")))
        assert len(files) == 1
        await asyncio.to_thread(files[0].write_bytes, b'{"text":"lies"}')
        with pytest.raises(ChainBroken):
            await room.opened.reader.result(a)
        stale = await room.begin(accepted.ticket_ids["b"])
        await room.opened.reaper.reap(room.later(LEASE))
        with pytest.raises(Exception, match="is over"):
            await room.opened.reports.complete(stale, Result(ok=True, value=big))
        assert await asyncio.to_thread(lambda: list((tmp_path / "results").rglob("*.json"))) == files
        with pytest.raises(InvalidInput):
            await room.opened.reports.complete(stale, Result(ok=True, value=float("nan")))

    tell(story)


def test_old_plans_are_dropped_with_their_files(tell: Tell, tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        old = await room.submit(*CHAIN)
        for name in "abc":
            await room.succeed(old.ticket_ids[name], "x" * (MOST_RESULT_BYTES + 1))
        running = await room.submit(*CHAIN)
        room.later(10 * 86_400)
        fresh = await room.submit({"id": "a"}, idempotency_key="k")
        await room.succeed(fresh.ticket_ids["a"])
        upkeep = Upkeep(room.given, keep_days=7)
        assert await upkeep.tick(room.now) == 1
        assert await upkeep.tick(room.now) == 0
        left = {plan.plan_id for plan in (await room.opened.reader.plans()).items}
        assert left == {running.plan.plan_id, fresh.plan.plan_id}
        assert not await asyncio.to_thread(lambda: list((tmp_path / "results").rglob("*.json")))
        async with room.database.read() as connection:
            rows = await connection.execute(entries.select().where(entries.c.ticket_id == old.ticket_ids["a"]))
            assert rows.first() is None
            kept = await connection.execute(plans.select().where(plans.c.idempotency_key == "k"))
            assert kept.first() is not None

    tell(story)


def test_pages_follow_each_other_and_show_each_their_own(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*({"id": f"t{number:02}"} for number in range(25)))
        await room.submit({"id": "x", "type": "TEST", "priority": "HIGH"}, owner="bob")
        seen: list[str] = []
        cursor = ""
        while True:
            page = await room.opened.reader.tickets({"plan_id": accepted.plan.plan_id}, cursor=cursor, limit=10)
            seen += [ticket.task_id for ticket in page.items]
            if not (cursor := page.next):
                break
        assert seen == [f"t{number:02}" for number in range(25)]
        every: list[str] = []
        while True:
            page = await room.opened.reader.tickets({}, owner="ana", cursor=cursor, limit=7)
            every += [ticket.ticket_id for ticket in page.items]
            if not (cursor := page.next):
                break
        assert every == sorted(accepted.ticket_ids.values(), reverse=True)
        for filters in ({"task_type": "TEST"}, {"priority": "HIGH"}, {"status": "ready", "task_type": "TEST"}):
            assert [one.task_id for one in (await room.opened.reader.tickets(filters)).items] == ["x"]
            assert (await room.opened.reader.tickets(filters, owner="ana")).items == ()
        first = await room.opened.reader.plans(limit=1)
        second = await room.opened.reader.plans(limit=1, cursor=first.next)
        assert (len(first.items), len(second.items), second.next) == (1, 1, "")
        with pytest.raises(InvalidInput):
            await room.opened.reader.tickets({"plan_id": "p"}, cursor="no number")

    tell(story)


def test_the_graph_names_the_way_that_takes_longest(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(
            {"id": "a", "estimated_duration_ms": 10},
            {"id": "b", "depends_on": ["a"], "estimated_duration_ms": 500},
            {"id": "c", "depends_on": ["a"], "estimated_duration_ms": 20},
            {"id": "d", "depends_on": ["b", "c"], "estimated_duration_ms": 1},
        )
        graph = await room.opened.reader.graph(accepted.plan.plan_id)
        assert (graph.critical_path, graph.critical_ms) == (("a", "b", "d"), 511)
        assert {node.id: node.level for node in graph.nodes} == {"a": 0, "b": 1, "c": 1, "d": 2}
        assert len(graph.edges) == 4

    tell(story)


def test_the_flow_is_told_from_the_database(tell: Tell) -> None:
    async def story(room: Room) -> None:
        empty = await room.opened.reader.flow(24)
        assert (empty.total_processed, empty.success_rate, empty.p95_latency_ms) == (0, None, None)
        good = await room.submit({"id": "a"})
        bad = await room.submit({"id": "a"}, owner="bob")
        await room.submit({"id": "a"}, paused=True)
        room.later(2)
        await room.succeed(good.ticket_ids["a"])
        room.later(2)
        await room.fail(bad.ticket_ids["a"], retryable=False)
        flow = await room.opened.reader.flow(24)
        assert (flow.total_processed, flow.success_rate, flow.active_executions) == (2, 0.5, 1)
        assert (flow.average_latency_ms, flow.p95_latency_ms) == (3000.0, 4000.0)
        room.later(86_401)
        assert (await room.opened.reader.flow(24)).total_processed == 0

    tell(story)


def test_what_a_ticket_reads_of_another_is_found_by_its_name(tell: Tell) -> None:
    async def story(room: Room) -> None:
        reads = {"files": [{"path": "in.txt", "ticket": "a", "artefact": "out.txt"}, {"path": "x", "text": "y"}]}
        with pytest.raises(InvalidInput, match="does not depend on it"):
            await room.submit({"id": "a"}, {"id": "b", "parameters": reads})
        accepted = await room.submit({"id": "a"}, {"id": "b", "depends_on": ["a"], "parameters": reads})
        first = accepted.ticket_ids["a"]

        async def read_by_b(of: Accepted) -> str:
            view = await room.opened.reader.ticket(of.ticket_ids["b"])
            assert view.parameters["files"][1] == {"path": "x", "text": "y"}
            return str(view.parameters["files"][0]["ticket"])

        assert await read_by_b(accepted) == first
        await room.succeed(first)
        await room.fail(accepted.ticket_ids["b"], retryable=False)
        again = await room.opened.plans.replay(accepted.plan.plan_id, owner="ana", by="ana")
        assert await read_by_b(again) == first, "what was taken over lies where it was left"
        await room.fail(again.ticket_ids["b"], retryable=False)
        third = await room.opened.plans.replay(again.plan.plan_id, owner="ana", by="ana")
        assert await read_by_b(third) == first
        whole = await room.opened.plans.replay(again.plan.plan_id, owner="ana", by="ana", start="a")
        assert await read_by_b(whole) == whole.ticket_ids["a"]
        assert await room.opened.reader.verify(third.plan.plan_id) == 2

    tell(story)
