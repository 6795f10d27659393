"""Calls in the database: both kinds of it, pages, retention, and a database that is away."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cluster_ai.core.errors import NotFound
from cluster_ai.core.migrate import upgrade
from cluster_ai.gateway import tables
from cluster_ai.gateway.served import Outcome
from cluster_ai.gateway.types import GatewaySettings
from cluster_ai.gateway.watching import request_log
from cluster_ai.gateway.watching.logged import Retention, Wanted, row_of
from cluster_ai.gateway.watching.request_log import WAITING, RequestLog
from cluster_ai.gateway.watching.request_store import RequestStore, open_store
from tests.core.tables_alike import differences
from tests.gateway.observing.calls import served

DAY = 86_400.0
SETTINGS = GatewaySettings()


def tell(url: str, story: Callable[[RequestStore], Awaitable[None]]) -> None:
    async def work() -> None:
        async with open_store(url, on_fatal=pytest.fail) as store, asyncio.timeout(30):
            await story(store)

    asyncio.run(work())


async def stored(store: RequestStore, *, count: int) -> tuple[Any, ...]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if len(items := (await store.page(Wanted(limit=500))).items) >= count:
            return items
        await asyncio.sleep(0.05)
    raise AssertionError(f"{count} rows were not stored in time")


def test_the_tables_in_the_code_are_those_in_the_database(url: str) -> None:
    assert differences(url, tables.metadata) == []


def test_a_call_comes_back_as_it_was(url: str) -> None:
    call = served(
        request_id="r-1", tried={"n0": "connection refused"}, attempts=2, resumed=1, load_seconds=2.5,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )  # fmt: skip

    async def story(store: RequestStore) -> None:
        await store.add([row_of(call)])
        found = await store.find("r-1")
        assert (found.model, found.node, found.caller, found.outcome) == ("smollm2:135m", "n1", "ann", "done")
        assert found.tried == {"n0": "connection refused"}
        assert (found.at, found.queue_seconds, found.ttft_seconds) == (call.at, 0.02, 0.3)
        assert (found.prompt_tokens, found.output_tokens) == (30, 12)
        assert found.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
        with pytest.raises(NotFound):
            await store.find("r-2")

    tell(url, story)


def test_what_strangers_write_fits_every_column(url: str) -> None:
    nasty = "\x00\ud800é" * 500
    names = ("request_id", "caller", "model", "answered_by", "why", "node", "code", "path", "key_id")
    call = served(**dict.fromkeys(names, nasty), tried={f"{nasty}{number}": nasty for number in range(50)})

    async def story(store: RequestStore) -> None:
        await store.add([row_of(call)])
        (found,) = (await store.page(Wanted())).items
        assert "\x00" not in found.model
        assert len(found.model) == 300

    tell(url, story)


def test_pages_by_number_and_by_what_is_asked_for(url: str) -> None:
    calls = [served(request_id=f"r-{number}", node=f"n{number % 2}", answered_by="") for number in range(25)]
    calls[3] = served(request_id="odd", model="fast", outcome=Outcome.BROKEN, key_id="key-9", node="n7")

    async def story(store: RequestStore) -> None:
        await store.add([row_of(call) for call in calls])
        seen, before = [], Wanted().before
        while before:
            page = await store.page(Wanted(limit=10, before=before))
            seen += [row.request_id for row in page.items]
            before = page.next or 0
        assert seen == [call.request_id for call in reversed(calls)]
        assert len((await store.page(Wanted(node="n0"))).items) == 13
        for one in (Wanted(model="fast"), Wanted(outcome="broken"), Wanted(key="key-9"), Wanted(node="n7")):
            assert [row.request_id for row in (await store.page(one)).items] == ["odd"]
        assert len((await store.page(Wanted(model="smollm2:135m"))).items) == 25, "by the name that answered, too"
        assert not (await store.page(Wanted(model="fast", node="n0"))).items

    tell(url, story)


def test_an_id_that_comes_twice_means_the_newer_call(url: str) -> None:
    async def story(store: RequestStore) -> None:
        await store.add([row_of(served(request_id="same", node="n1"))])
        await store.add([row_of(served(request_id="same", node="n2"))])
        assert (await store.find("same")).node == "n2"

    tell(url, story)


def test_old_rows_and_too_many_rows_go(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_ai.gateway.watching.request_store.DROPPED_AT_A_TIME", 7)
    now = 1_700_000_000.0

    async def story(store: RequestStore) -> None:
        kept = Retention(seconds=30 * DAY, rows=20)
        assert await store.drop_old(kept, now=now) == 0
        await store.add([row_of(served(request_id=f"old-{number}", at=now - 31 * DAY)) for number in range(10)])
        await store.add([row_of(served(request_id=f"new-{number}", at=now - DAY)) for number in range(15)])
        assert await store.drop_old(kept, now=now) == 10
        await store.add([row_of(served(request_id=f"newer-{number}", at=now)) for number in range(15)])
        assert await store.drop_old(kept, now=now) == 10
        names = [row.request_id for row in (await store.page(Wanted(limit=500))).items]
        assert len(names) == 20
        assert names[-1] == "new-10"

    tell(url, story)


def test_calls_are_stored_while_it_runs_and_at_its_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def work() -> None:
        pen = RequestLog(url, SETTINGS)
        async with pen.running():
            pen.take([served(request_id=f"r-{number}", at=time.time()) for number in range(1200)])
            async with open_store(url, on_fatal=pytest.fail) as store:
                # The pen makes the tables itself: a gateway may run where no API ever did.
                await asyncio.to_thread(upgrade, url)
                assert len(await stored(store, count=500)) == 500
            pen.take([served(request_id="last", at=time.time())])
        assert pen.lost == 0
        async with open_store(url, on_fatal=pytest.fail) as store:
            assert (await store.find("last")).request_id == "last"
            assert (await store.find("r-0")).request_id == "r-0"

    asyncio.run(work())


def test_a_short_run_stores_what_it_took(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def work() -> None:
        pen = RequestLog(url, SETTINGS)
        async with pen.running():
            pen.take([served()])
        assert pen.lost == 0

    asyncio.run(work())
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        assert connection.execute("SELECT count(*) FROM gateway_requests").fetchone() == (1,)


def test_rows_wait_for_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_ai.gateway.watching.request_log.AGAIN", 0.1)
    folder = tmp_path / "later"
    url = f"sqlite:///{folder / 'log.db'}"

    async def work() -> None:
        pen = RequestLog(url, SETTINGS)
        async with pen.running():
            pen.take([served(request_id="early", at=time.time())])
            await asyncio.sleep(0.3)
            folder.mkdir()
            await asyncio.to_thread(upgrade, url)
            async with open_store(url, on_fatal=pytest.fail) as store:
                await stored(store, count=1)
        assert pen.lost == 0

    asyncio.run(work())


def test_a_mistake_in_opening_it_is_not_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    upgrade(url)
    usual, left = request_log._opened, [LookupError("half of SQL is missing")] * 2

    def opened(*asked: Any) -> Any:
        if left:
            raise left.pop()
        return usual(*asked)

    monkeypatch.setattr(request_log, "AGAIN", 0.05)
    monkeypatch.setattr(request_log, "_opened", opened)

    async def work() -> None:
        pen = RequestLog(url, SETTINGS)
        async with pen.running():
            pen.take([served(request_id="early", at=time.time())])
            async with open_store(url, on_fatal=pytest.fail) as store:
                await stored(store, count=1)
        assert pen.lost == 0

    asyncio.run(work())


def test_what_does_not_fit_is_lost_and_counted(tmp_path: Path) -> None:
    async def work() -> None:
        pen = RequestLog(f"sqlite:///{tmp_path}/no/such/folder/x.db", SETTINGS)
        async with pen.running():
            pen.take([served()] * (WAITING + 5))
            assert pen.lost == 5
        assert pen.lost == WAITING + 5

    asyncio.run(work())


def test_calls_that_fit_no_column_are_lost_and_those_behind_them_are_stored(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def work() -> None:
        pen = RequestLog(url, SETTINGS)
        async with pen.running():
            await asyncio.to_thread(upgrade, url)
            async with open_store(url, on_fatal=pytest.fail) as store:
                pen.take([served(at=time.time())])
                await stored(store, count=1)
                for bad in (served(output_tokens=2**63), served(prompt_tokens=2**100)):
                    pen.take([bad])
                    await until(lambda: not pen._waiting and not pen._batch)
                pen.take([served(request_id="good", at=time.time())])
                assert (await stored(store, count=2))[0].request_id == "good"
        assert pen.lost == 2

    asyncio.run(work())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.02)


def test_bodies_are_refused_in_words() -> None:
    with pytest.raises(ValidationError, match="never keeps what people write"):
        GatewaySettings(request_log="bodies")
