"""What happens is counted once: across restarts, a database that is away, and logs that are read on."""

import pytest

from cluster_ai.core.db_errors import DatabaseUnavailable
from cluster_ai.core.events import Event
from cluster_ai.core.outbox import add
from cluster_ai.slo import bucket_tables
from cluster_ai.slo.judging import Happened, of_request
from cluster_ai.slo.service import Service
from cluster_ai.slo.types import HOUR, Source
from tests.slo.conftest import START, House, objective


async def watched(service: Service, **more: object) -> None:
    await service.desk.objectives.create(objective(**more))
    await service.evaluate()
    # What was logged before the first look counts for nobody.
    await service.count()


async def sums(service: Service, slo_id: str = "chat") -> tuple[float, float]:
    burn = await service.budgets.burn(slo_id, seconds=HOUR)
    return burn.good, burn.valid


def test_a_log_is_read_once_over_restarts(house: House) -> None:
    async def first(service: Service) -> None:
        house.called(good=5)
        await watched(service)
        assert await sums(service) == (0, 0)
        house.called(good=3, bad=1)
        await house.counted()
        assert await sums(service) == (3, 4)
        house.called(bad=2)

    async def second(service: Service) -> None:
        # A look before anybody knows what counts leaves the log as it is.
        await house.counted()
        await service.evaluate()
        await house.counted()
        assert await sums(service) == (3, 6)
        await house.counted()
        assert await sums(service) == (3, 6)

    house.tell(first)
    house.tell(second)


def test_what_is_logged_while_the_database_fails_is_counted_once(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, real = sqlite_house, bucket_tables.move

    async def story(service: Service) -> None:
        await watched(service)
        house.called(good=2, bad=1)
        service.measuring.counting.take(Happened(Source.GATEWAY, house.now, names=("m",), node="n1", failed=True))

        async def fails(*_: object, **__: object) -> None:
            raise DatabaseUnavailable("away")

        # The cursor comes last: all that stands before it must be undone with it.
        monkeypatch.setattr(bucket_tables, "move", fails)
        with pytest.raises(DatabaseUnavailable):
            await service.count()
        monkeypatch.setattr(bucket_tables, "move", real)
        await service.count()
        assert await sums(service) == (2, 4)
        account = service.measuring.counting.ledger.accounts["chat"]
        assert (account.good, account.bad) == (2, 2)

    house.tell(story)


@pytest.mark.parametrize(
    ("call", "counts"),
    [
        ({}, (1, 1)),
        ({"status": 404}, (1, 1)),
        ({"outcome": "broken"}, (0, 1)),
        ({"outcome": "refused", "status": 503}, (0, 1)),
        ({"outcome": "refused", "status": 429}, (0, 0)),
        ({"outcome": "cancelled", "status": 499}, (0, 0)),
        ({"node": "n2"}, (0, 0)),
        ({"model": "other", "answered_by": "other"}, (0, 0)),
    ],
)
def test_what_a_call_says_about_the_cluster(
    sqlite_house: House, call: dict[str, object], counts: tuple[int, int]
) -> None:
    async def story(service: Service) -> None:
        await watched(service, sli_query={"model": "m", "node": "n1"})
        sqlite_house.call(**call)
        await sqlite_house.counted()
        assert await sums(service) == counts

    sqlite_house.tell(story)


@pytest.mark.parametrize(
    ("measure", "seconds", "counts"), [("total", 2.5, (2, 3)), ("ttft", 0.3, (1, 2)), ("total", 0.1, (0, 3))]
)
def test_latency_counts_only_what_was_answered(
    sqlite_house: House, measure: str, seconds: float, counts: tuple[int, int]
) -> None:
    async def story(service: Service) -> None:
        query = {"measure": measure, "threshold_seconds": seconds}
        await watched(service, slo_type="LATENCY", sli_query=query)
        sqlite_house.call(total_seconds=1.0, ttft_seconds=0.2)
        sqlite_house.call(total_seconds=2.5, ttft_seconds=0.4)
        sqlite_house.call(total_seconds=9.0, ttft_seconds=None)
        sqlite_house.call(total_seconds=0.01, outcome="broken")
        sqlite_house.now += 10
        await sqlite_house.counted()
        assert await sums(service) == counts

    sqlite_house.tell(story)


def test_tickets_are_counted_from_the_outbox(house: House) -> None:
    async def story(service: Service) -> None:
        await watched(service, sli_query={"source": "tickets", "kind": "INFER"})
        async with house.database.transaction() as connection:
            for number, (kind, task) in enumerate(
                [
                    ("ticket.completed", "INFER"), ("ticket.completed", "INFER"), ("ticket.dead_lettered", "INFER"),
                    ("ticket.failed", "INFER"), ("ticket.retrying", "INFER"), ("ticket.cancelled", "INFER"),
                    ("ticket.completed", "MAP"), ("plan.completed", "INFER"),
                ]
            ):  # fmt: skip
                await add(connection, Event(f"e{number}", kind, "t", {"task_type": task}, house.now))
        await house.counted()
        assert await sums(service) == (2, 4)

    house.tell(story)


def test_nodes_and_requests_are_counted_as_they_are_seen(sqlite_house: House) -> None:
    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective("nodes", sli_query={"source": "nodes"}))
        await watched(service, sli_query={"source": "api"})
        sqlite_house.nodes = {"n1": True, "n2": False}
        await service.count()
        await service.count()
        assert await sums(service, "nodes") == (2, 4)
        for status in (200, 404, 500):
            service.measuring.counting.take(of_request(at=START, route="/x", status=status, seconds=0.1))
        await service.count()
        assert await sums(service) == (2, 3)

    sqlite_house.tell(story)


@pytest.mark.parametrize("at", [0.0, START + 86_400.0, START - 30 * 86_400.0])
def test_a_clock_that_is_wrong_does_not_put_events_where_nobody_looks(sqlite_house: House, at: float) -> None:
    async def story(service: Service) -> None:
        await watched(service)
        sqlite_house.call(at=at)
        await sqlite_house.counted()
        assert await sums(service) == (1, 1)

    sqlite_house.tell(story)


def test_time_slices_count_minutes(house: House) -> None:
    async def story(service: Service) -> None:
        await watched(service, budgeting="Timeslices", slice_target=0.9)
        for bad in (0, 1, 5, 0):
            await house.minute(good=10 - bad, bad=bad)
        house.now += 600
        await service.evaluate()
        view = service.picture.budgets["chat"]
        # A tenth of a day's minutes may be bad; one of four was below 90 %.
        assert (view.total, view.consumed, view.sli_value) == (144, 1, 0.75)
        assert await sums(service) == (3, 4)
        # An hour later the hours tell the same.
        house.now += 3 * HOUR
        assert (await service.budgets.burn("chat", seconds=6 * HOUR)).good == 3

    house.tell(story)


def test_what_nobody_asks_for_is_dropped(house: House) -> None:
    async def story(service: Service) -> None:
        await watched(service)
        await house.minute(good=1)
        house.now += 10 * 86_400
        await service.evaluate()
        async with house.database.read() as connection:
            assert await bucket_tables.last_minute(connection, "chat") is None
        assert (await service.budgets.burn("chat", seconds=30 * 86_400)).good == 1, "the hour is still there"
        house.now += 60 * 86_400
        await service.evaluate()
        assert (await service.budgets.burn("chat", seconds=90 * 86_400)).good == 0

    house.tell(story)
