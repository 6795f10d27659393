"""What was used reaches the database once, whatever the database does meanwhile."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from cluster_ai.core.db import Database
from cluster_ai.core.db_errors import DatabaseBroken, DatabaseUnavailable
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.keys import ledger as ledgers
from cluster_ai.keys import source as sources
from cluster_ai.keys.ledger import MOST_ROWS, Ledger, Tally, Use
from cluster_ai.keys.records import Key, Span, Used
from cluster_ai.keys.service import Keys
from cluster_ai.keys.source import KeySource
from cluster_ai.keys.store import KeyStore, open_store
from tests.keys.conftest import Ring, wanted
from tests.told import told_by

NEW_YEAR = 1_798_761_600.0  # 2027-01-01 00:00:00 UTC


def use(**more: object) -> Use:
    fixed = {"key_id": "k", "model": "m", "node": "n", "at": NEW_YEAR, "failed": False}
    return Use(**fixed | {"prompt_tokens": 3, "output_tokens": 5} | more)  # type: ignore[arg-type]


class Shelf:
    """A store that fails on command."""

    def __init__(self) -> None:
        self.rows: list[Used] = []
        self.error: ClusterError | None = None
        self.asked = 0

    async def add_usage(self, rows: Iterable[Used], *, last_used: Mapping[str, float]) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.rows += rows


def test_calls_add_up_by_key_model_node_and_day() -> None:
    tally = Tally()
    for at in (NEW_YEAR - 0.1, NEW_YEAR, NEW_YEAR + 86_399, NEW_YEAR + 86_400, NEW_YEAR):
        tally.add(use(at=at))
    tally.add(use(model="other", failed=True))
    rows, last_used = tally.take()
    assert [(row.model, row.day, row.requests, row.errors) for row in rows] == [
        ("m", "2026-12-31", 1, 0),
        ("m", "2027-01-01", 3, 0),
        ("m", "2027-01-02", 1, 0),
        ("other", "2027-01-01", 1, 1),
    ]
    assert last_used == {"k": NEW_YEAR + 86_400}
    assert not tally


def test_what_a_column_would_not_take_is_made_so_that_it_does() -> None:
    tally = Tally()
    tally.add(use(model="a\x00b\ud800" + "x" * 999, node="n" * 999, prompt_tokens=10**30))
    [row] = tally.take()[0]
    assert row.model == "ab" + "x" * 254
    assert len(row.node) == 128
    assert row.prompt_tokens == 10**9


def test_memory_is_bounded_and_nothing_is_lost_from_the_sums() -> None:
    tally = Tally()
    for number in range(MOST_ROWS + 500):
        tally.add(use(model=f"m{number}"))
    rows, _ = tally.take()
    assert len(rows) == MOST_ROWS + 1
    assert sum(row.requests for row in rows) == MOST_ROWS + 500
    assert [row.requests for row in rows if not row.model] == [500]


def test_database_that_is_away_loses_nothing_and_is_noted_once() -> None:
    async def story() -> None:
        shelf = Shelf()
        ledger = Ledger(shelf)
        shelf.error = DatabaseUnavailable("away")
        with told_by(ledgers) as logs:
            for _ in range(5):
                ledger.add(use())
                await ledger.flush()
        assert [row["event"] for row in logs] == ["usage is kept in memory"]
        assert shelf.rows == []
        shelf.error = None
        await ledger.flush()
        assert [row.requests for row in shelf.rows] == [5]
        await ledger.flush()
        assert len(shelf.rows) == 1

    asyncio.run(story())


def test_after_a_failed_disk_nothing_is_counted_twice() -> None:
    async def story() -> None:
        shelf = Shelf()
        ledger = Ledger(shelf)
        shelf.error = DatabaseBroken("fsync")
        ledger.add(use())
        await ledger.flush()
        shelf.error = None
        await ledger.flush()
        assert (shelf.asked, shelf.rows) == (1, [])

    asyncio.run(story())


def test_what_came_last_is_stored_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "FLUSH_SECONDS", 3600.0)

    async def story() -> None:
        shelf = Shelf()
        ledger = Ledger(shelf)
        async with ledger.running():
            ledger.add(use())
        assert [row.requests for row in shelf.rows] == [1]

    asyncio.run(story())


def test_two_gateways_add_to_the_same_rows_at_once(ring: Ring) -> None:
    async def story(keys: Keys, database: Database) -> None:
        made = await keys.create(wanted(), owner_id=None)
        async with ring.opened() as (_, other):
            sources = [KeySource(KeyStore(database)), KeySource(KeyStore(other))]
            for source in sources:
                await source.look()
            pair = [Ledger(source) for source in sources]
            for number in range(40):
                for ledger in pair:
                    ledger.add(use(key_id=made.key.id, model=f"m{number % 7}"))
                await asyncio.gather(*(ledger.flush() for ledger in pair))
        rows = await keys.usage("model", span=Span())
        assert sum(row.requests for row in rows) == 80
        assert sum(row.output_tokens for row in rows) == 400
        assert (await keys.get(made.key.id)).last_used_at == NEW_YEAR

    ring.tell(story)


def test_key_is_known_after_a_look_and_unknown_after_its_end(ring: Ring) -> None:
    async def story(keys: Keys, database: Database) -> None:
        source = KeySource(KeyStore(database))
        assert not source.known.read
        with pytest.raises(DatabaseUnavailable):
            await source.add_usage([], last_used={})
        await source.look()
        assert source.known.read
        made = await keys.create(wanted(models=["a"], priority="interactive", resume=True), owner_id=None)
        before = source.known
        await source.look()
        assert source.known is not before
        entry = source.entry(made.key.id)
        assert entry is not None
        assert (entry.caller.models, entry.caller.resume, entry.caller.priority) == (("a",), True, 0)
        same = source.known
        await source.look()
        assert source.known is same, "nothing changed, nothing is read"
        await keys.revoke(made.key.id)
        await source.look()
        assert source.entry(made.key.id) is None
        assert source.known.entries == {}

    ring.tell(story)


class Late:
    """A store that takes its time to be opened, and knows no keys."""

    def __init__(self) -> None:
        self.may_open = threading.Event()
        self.rows: list[Used] = []

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Late"]:
        yield self

    def open(self) -> AbstractAsyncContextManager["Late"]:
        assert self.may_open.wait(10)
        return self.opened()

    async def changed(self) -> tuple[tuple[str, Key], ...] | None:
        return ()

    async def add_usage(self, rows: Iterable[Used], *, last_used: Mapping[str, float]) -> None:
        self.rows += rows


def test_usage_of_a_gateway_that_ends_before_its_store_is_open_is_stored() -> None:
    async def story(late: Late) -> None:
        source = KeySource()
        async with source.watching(late.open):
            ledger = Ledger(source)
            async with ledger.running():
                ledger.add(use())
                asyncio.get_running_loop().call_later(0.05, late.may_open.set)
                assert not source.known.read
            assert [row.requests for row in late.rows] == [1]

    asyncio.run(story(Late()))


def test_who_shows_a_key_while_the_store_is_being_opened_can_wait_for_it() -> None:
    async def story(late: Late) -> None:
        source = KeySource()
        async with source.watching(late.open):
            asyncio.get_running_loop().call_later(0.05, late.may_open.set)
            assert await source.first_look()
            assert source.known.read
            assert not await source.first_look(), "only the first has to be waited for"

    asyncio.run(story(Late()))


def test_an_address_that_is_none_lets_nobody_wait() -> None:
    async def story() -> None:
        source = KeySource()
        async with source.watching(lambda: open_store("mysql://nowhere/x", on_fatal=pytest.fail)):
            assert await source.first_look()
            assert not source.known.read

    asyncio.run(story())


@pytest.mark.parametrize("failure", [Unavailable("too many open files"), LookupError("a mistake of ours")])
def test_a_store_that_could_not_be_opened_is_tried_again(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "AGAIN_SECONDS", 0.01)
    left = [failure] * 3

    async def story(late: Late) -> None:
        def open_store() -> AbstractAsyncContextManager[Late]:
            if left:
                raise left.pop()
            return late.opened()

        source = KeySource()
        async with source.watching(open_store):
            assert await source.first_look()
            async with asyncio.timeout(5):
                while not source.known.read:
                    await asyncio.sleep(0.01)

    asyncio.run(story(Late()))
