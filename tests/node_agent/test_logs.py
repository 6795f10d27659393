"""Lines of our parts' logs, as they are written."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.node_agent.api.following import LONGEST_LINE, TAIL_BYTES, Follower, Logs
from cluster_ai.supervisor.logfile import LogFile
from tests.node_agent.calling import calling, rooms

pytestmark = pytest.mark.anyio


def write(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


async def ask(folder: Path, query: str) -> tuple[int, Any]:
    async with calling(folder, rooms(logs=Logs(folder))) as caller:
        return await caller.ask("GET", f"/-/logs{query}")


async def test_the_last_lines_of_a_part(tmp_path: Path) -> None:
    write(tmp_path / "agent.log", *(f"line {number}" for number in range(500)))
    write(tmp_path / "node.log", "of the node")
    status, told = await ask(tmp_path, "?part=agent&lines=3")
    assert (status, told) == (200, [{"part": "agent", "line": f"line {number}"} for number in (497, 498, 499)])


async def test_without_a_name_all_parts_speak(tmp_path: Path) -> None:
    write(tmp_path / "agent.log", "a", "b")
    write(tmp_path / "node.log", "of the node")
    _, told = await ask(tmp_path, "?lines=1")
    assert told == [{"part": "agent", "line": "b"}, {"part": "node", "line": "of the node"}]


async def test_no_lines_are_none(tmp_path: Path) -> None:
    write(tmp_path / "agent.log", "a")
    assert await ask(tmp_path, "?lines=0") == (200, [])


@pytest.mark.parametrize("part", ["nobody", "../secret", "agent.log", "%2e%2e/secret", "agent%00"])
async def test_only_parts_have_logs(tmp_path: Path, part: str) -> None:
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / "agent.log", "a")
    write(tmp_path / "secret.log", "secret")
    async with calling(tmp_path, rooms(logs=Logs(tmp_path / "logs"))) as caller:
        status, told = await caller.ask("GET", f"/-/logs?part={part}")
    assert (status, told["code"], told["hint"]) == (404, "not_found", "agent")


@pytest.mark.parametrize(
    "query", ["?lines=-1", "?lines=x", "?lines=99999999999999", "?" + "&".join("abcdefghijklmnopqr")]
)
async def test_what_is_no_number_is_refused(tmp_path: Path, query: str) -> None:
    status, told = await ask(tmp_path, query + "&lines=-1")
    assert (status, told["code"]) == (400, "invalid_input")


async def test_lines_come_as_they_are_written_and_files_may_be_turned_over(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "agent.log", rotate_bytes=100)
    await asyncio.to_thread(log.write, b"old\n")
    async with (
        calling(tmp_path, rooms(logs=Logs(tmp_path))) as caller,
        caller.open("GET", "/-/logs?follow=1&lines=5") as answer,
    ):

        async def line() -> str:
            return str(json.loads(await asyncio.wait_for(answer.content.readline(), 10))["line"])

        assert await line() == "old"
        written = [f"line {number:02} of a file that is turned over again and again" for number in range(6)]
        for text in written:
            await asyncio.to_thread(log.write, text.encode() + b"\n")
            assert await line() == text
        await asyncio.to_thread(log.write, b"half")
        await asyncio.to_thread(log.write, b" and half\n")
        assert await line() == "half and half"
    log.close()


def test_a_large_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    with path.open("wb") as file:
        file.truncate(2 * TAIL_BYTES)
        file.seek(0, 2)
        file.write(b"\n" + b"x" * 3 * LONGEST_LINE + b"\nlast\n")
    follower = Follower("agent", path)
    found = follower.last(2)
    assert (found[1], len(found[0])) == ("last", LONGEST_LINE)
    assert list(follower.more()) == []
    follower.close()


def test_what_was_written_to_the_old_file_before_it_was_turned_over_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    write(path, "a")
    follower = Follower("agent", path)
    assert follower.last(9) == ["a"]
    write(path, "b")
    path.rename(tmp_path / "agent.log.1")
    write(path, "c")
    assert list(follower.more()) == ["b", "c"]
    path.unlink()
    assert list(follower.more()) == []
    write(path, "d")
    assert list(follower.more()) == ["d"]
    path.write_text("e\n")
    write(path, "f")
    follower.close()
    assert list(follower.more()) == ["e", "f"]
    follower.close()
