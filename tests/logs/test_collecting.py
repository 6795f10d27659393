"""Lines are collected once each: through turning over, truncation, a reused inode, and ``kill -9`` at any moment."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster_ai.logs.collector import GONE_SECONDS, Collector, Source
from cluster_ai.logs.files import CHUNK_BYTES, look
from cluster_ai.logs.store import LogStore, open_store
from cluster_ai.supervisor.logfile import LogFile
from tests.logs.conftest import never
from tests.logs.writing import NOW, found, line, places, texts, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture
async def collector(store: LogStore, folder: Path) -> Collector:
    made = Collector(store, Source(folder, "box"), now=lambda: NOW)
    await made.open()
    return made


@pytest.mark.anyio
async def test_each_line_once_and_half_lines_when_they_are_whole(
    store: LogStore, folder: Path, collector: Collector
) -> None:
    file = folder / "gateway.log"
    write(file, line("one"), line("two"))
    with file.open("ab") as half:
        half.write(line("three")[:20])
    assert await collector.tick() == 2
    assert await collector.tick() == 0
    with file.open("ab") as half:
        half.write(line("three")[20:] + b"\n")
    assert await collector.tick() == 1
    assert await texts(store, "") == ["three", "two", "one"]


@pytest.mark.anyio
async def test_files_of_other_names_are_left_alone(folder: Path, collector: Collector) -> None:
    for name in ("notes.txt", "x.log.gz", ".log", "gateway.log.old"):
        write(folder / name, line("no"))
    (folder / "folder.log").mkdir()
    (folder / "link.log").symlink_to("/etc/hostname")
    assert await collector.tick() == 0


@pytest.mark.anyio
async def test_a_file_that_is_turned_over_is_read_to_its_end(
    store: LogStore, folder: Path, collector: Collector
) -> None:
    log = await asyncio.to_thread(LogFile, folder / "gateway.log", rotate_bytes=400)
    written = 0
    for _ in range(5):
        for _ in range(3):
            await asyncio.to_thread(log.write, line(f"line {written:03}") + b"\n")
            written += 1
        await collector.tick()
    log.close()
    assert sorted(await texts(store, "")) == [f"line {n:03}" for n in range(written)]
    assert len(list(folder.iterdir())) == 3


@pytest.mark.anyio
async def test_the_last_half_line_of_a_turned_file_is_kept(store: LogStore, folder: Path, collector: Collector) -> None:
    (folder / "gateway.log.1").write_bytes(line("whole") + b"\nhalf a li")
    await collector.tick()
    await collector.tick()
    assert sorted(await texts(store, "")) == ["half a li", "whole"]


@pytest.mark.anyio
async def test_a_file_emptied_in_place_is_read_afresh(store: LogStore, folder: Path, collector: Collector) -> None:
    file = folder / "node.log"
    write(file, line("before"), line("before that was longer"))
    await collector.tick()
    os.truncate(file, 0)
    write(file, line("after"))
    await collector.tick()
    os.truncate(file, 0)
    write(file, *(line(f"much {n}") for n in range(50)))
    await collector.tick()
    assert len(await texts(store, "much")) == 50, "also when it has grown beyond where reading ended"
    assert len(await texts(store, "")) == 53


def test_an_inode_that_another_file_took_over_is_read_from_its_start(folder: Path) -> None:
    file = folder / "node.log"
    write(file, line("first"), line("second"))
    known = places(look(folder, {}))
    file.write_bytes(b"")  # the same inode
    write(file, *(line(f"other {n}") for n in range(9)))
    (piece,) = look(folder, known)
    assert len(piece.lines) == 9


@pytest.mark.anyio
async def test_a_line_longer_than_a_read_is_cut_and_reading_goes_on(
    store: LogStore, folder: Path, collector: Collector
) -> None:
    write(folder / "node.log", b"x" * (CHUNK_BYTES + 100), line("behind"))
    while await collector.tick():
        pass
    assert (await texts(store, ""))[0] == "behind"
    assert len(await texts(store, "")) == 3


@pytest.mark.anyio
async def test_lines_of_several_files_are_stored_in_the_order_of_their_times(
    store: LogStore, folder: Path, collector: Collector
) -> None:
    write(folder / "a.log", line("1", at="2027-01-15T07:00:01Z"), b"  in between", line("4", at="2027-01-15T07:00:04Z"))
    write(folder / "b.log", line("2", at="2027-01-15T07:00:02Z"), line("3", at="2027-01-15T07:00:03Z"))
    await collector.tick()
    assert await texts(store, "") == ["4", "3", "2", "  in between", "1"]


@pytest.mark.anyio
async def test_what_was_turned_away_unread_is_counted(store: LogStore, folder: Path) -> None:
    clock = [NOW]
    collector = Collector(store, Source(folder, "box"), now=lambda: clock[0])
    await collector.open()
    file = folder / "gateway.log"
    write(file, *(line(f"{n} " + "x" * 1000) for n in range(600)))
    await collector.tick()
    (place,) = collector.places.values()
    assert place.behind > 0
    file.unlink()
    await collector.tick()
    assert (await store.kept()).lost_bytes == 0, "one look may miss a file that is being turned over"
    clock[0] += GONE_SECONDS + 1
    await collector.tick()
    assert (await store.kept()).lost_bytes == place.behind
    assert not collector.places
    assert not await store.places()


CHILD = """
import asyncio, sys, time
from pathlib import Path
from cluster_ai.logs.collector import Collector, Source
from cluster_ai.logs.store import open_store

async def main(folder, path):
    async with open_store(path, on_fatal=print) as store:
        collector = Collector(store, Source(folder, "box"), now=time.time)
        await collector.open()
        while True:
            await collector.tick()

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.mark.real
def test_kill_9_at_any_moment_loses_and_doubles_nothing(folder: Path, tmp_path: Path) -> None:
    path, rng, written = tmp_path / "logs.db", random.Random(5), 0
    log = LogFile(folder / "gateway.log", rotate_bytes=200_000)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(path)], cwd=ROOT) as process:
            # It takes most of this to start; what is written meanwhile is much for its first transactions.
            until = time.monotonic() + 1.0 + rng.random()
            while time.monotonic() < until:
                log.write(line(f"line {written:06}") + b"\n")
                written += 1
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
    log.close()
    found = asyncio.run(rest_and_all(folder, path))
    assert sorted(found) == [f"line {n:06}" for n in range(written)], "each line, and each once"


async def rest_and_all(folder: Path, path: Path) -> list[str]:
    async with open_store(path, on_fatal=never) as store:
        collector = Collector(store, Source(folder, "box"), now=time.time)
        await collector.open()
        while await collector.tick():
            pass
        said: list[str] = []
        before = 2**62
        while items := await found(store, "", before=before):
            said += [one.text for one in items]
            before = items[-1].number
        return said
