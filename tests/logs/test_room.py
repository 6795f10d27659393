"""The room as a whole: it collects, follows, ships, and comes back when its file could not be used."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import pytest

from cluster_ai.core.errors import Unavailable
from cluster_ai.logs.room import Logs, LogsConfig
from cluster_ai.logs.sinks import Loki
from cluster_ai.logs.types import BadQuery, LogLine, LogsSettings
from tests.logs.receivers import receiving
from tests.logs.writing import MOST, line, write

pytestmark = pytest.mark.anyio


@pytest.fixture
def config(tmp_path: Path) -> LogsConfig:
    (tmp_path / "logs").mkdir()
    return LogsConfig(tmp_path / "logs/store.db", tmp_path / "logs", LogsSettings(), time.time, node="box")


async def so(check: Callable[[], object], *, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.02)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


async def test_what_is_written_is_found_and_what_was_written_at_the_end_too(config: LogsConfig) -> None:
    async with Logs(config).running() as logs:
        write(config.folder / "gateway.log", line("one", at=now()))
        await so(lambda: logs.collected)
        assert [one.text for one in (await logs.page("", before=MOST, limit=10)).items] == ["one"]
        write(config.folder / "gateway.log", line("last words", at=now()))
    async with Logs(config).running() as logs:
        await so(lambda: logs.is_open)
        page = await logs.page("", before=MOST, limit=10)
        assert [one.text for one in page.items] == ["last words", "one"]
        assert page.kept.behind_bytes == 0


async def test_followers_are_told_at_once_and_of_quiet_stretches(config: LogsConfig) -> None:
    async with Logs(config).running() as logs:
        await so(lambda: logs.is_open)
        follower = logs.tail("-noise", after=None, quiet=0.05)
        assert await anext(follower) is None, "of what was there before nothing is told"
        write(config.folder / "node.log", line("noise", at=now()), line("signal", at=now()))
        told = [found async for found in first_lines(follower, 1)]
        assert told == ["signal"]
        await follower.aclose()


async def first_lines(follower: AsyncGenerator[LogLine | None, None], count: int) -> AsyncIterator[str]:
    async for found in follower:
        if found is not None:
            yield found.text
            count -= 1
        if count == 0:
            return


async def test_copies_leave_while_lines_come(config: LogsConfig) -> None:
    with receiving() as receiver:
        async with Logs(config, [Loki(receiver.url)]).running() as logs:
            await so(lambda: logs.is_open)
            await asyncio.sleep(0.3)  # the sink's beginning is stored
            write(config.folder / "gateway.log", *(line(f"n {n}", at=now()) for n in range(5)))
            await so(lambda: logs.shippers[0].sent == 5)
        assert sorted(one["event"] for one in receiver.lines) == [f"n {n}" for n in range(5)]


async def test_without_its_file_it_says_so_and_goes_on_when_it_is_back(
    config: LogsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster_ai.logs.room.AGAIN", 0.05)
    config.file.mkdir()
    (config.file / "x").touch()
    broken = config.file.with_name("store.db.broken")
    broken.mkdir()
    (broken / "x").touch()
    async with Logs(config).running() as logs:
        await asyncio.sleep(0.2)
        with pytest.raises(Unavailable, match="log store cannot be used"):
            await logs.page("", before=MOST, limit=1)
        with pytest.raises(BadQuery):
            logs.check("user:x")
        write(config.folder / "gateway.log", line("waited", at=now()))
        await asyncio.to_thread(lambda: ((config.file / "x").unlink(), config.file.rmdir()))
        await so(lambda: logs.collected)


async def test_with_collecting_off_nothing_is_kept(config: LogsConfig) -> None:
    off = LogsConfig(config.file, config.folder, LogsSettings(collect=False), time.time)
    write(config.folder / "gateway.log", line("private", at=now()))
    async with Logs(off).running() as logs:
        await so(lambda: logs.is_open)
        await asyncio.sleep(0.2)
        assert (await logs.kept()).lines == 0
