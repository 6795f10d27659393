"""The store's disk is full: nothing is lost or doubled, the room says what is wrong, and goes on by itself."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_ai.core.errors import ClusterError
from cluster_ai.logs.room import Logs, LogsConfig
from cluster_ai.logs.types import LogsSettings
from tests.disks import small_room
from tests.logs.writing import MOST, line, write

pytestmark = [pytest.mark.real, pytest.mark.anyio]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_room(tmp_path / "disk") as folder:
        yield folder


async def test_lines_wait_in_their_files_until_there_is_room(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster_ai.logs.room.AGAIN", 0.1)
    folder = tmp_path / "logs"
    folder.mkdir()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_750_000)
    config = LogsConfig(small_disk / "store.db", folder, LogsSettings(), time.time, node="box")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    wanted = [f"line {number:04} {'word ' * 20}".strip() for number in range(1500)]
    async with Logs(config).running() as logs, asyncio.timeout(60):
        write(folder / "gateway.log", line("before the disk was full", at=stamp))
        while not logs.collected:
            await asyncio.sleep(0.02)
        write(folder / "gateway.log", *(line(text, at=stamp) for text in wanted))
        while not logs.trouble:
            await asyncio.sleep(0.02)
        assert "full" in logs.trouble
        assert (await logs.page("before", before=MOST, limit=5)).items, "what is there can be found all the same"
        await asyncio.to_thread(ballast.unlink)
        found: list[str] = []
        while len(found) <= len(wanted):
            await asyncio.sleep(0.1)
            found = await everything(logs)
    assert sorted(found) == ["before the disk was full", *wanted]


async def everything(logs: Logs) -> list[str]:
    said: list[str] = []
    before = MOST
    try:
        while items := (await logs.page("", before=before, limit=500)).items:
            said += [one.text for one in items]
            before = items[-1].number
    except ClusterError:
        return []
    return said
