"""Commands and files over a real SSH server."""

import asyncio
import hashlib
import os
import stat
import time
from pathlib import Path

import pytest

from cluster_ai.nodes.ssh.causes import FileRefused, NoSftp, NoShell, TimedOut
from cluster_ai.nodes.ssh.host_keys import HostKeys
from tests.nodes.ssh.conftest import Serve, enter
from tests.nodes.ssh.server import Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.anyio]


async def test_both_streams_and_the_status_come_back(server: Server, keys: HostKeys, user_key: Path) -> None:
    async with enter(server, keys, user_key) as session:
        done = await session.run(["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.status, done.out, done.err, done.said) == (7, b"out\n", b"err\n", "err")


async def test_words_arrive_as_they_are(server: Server, keys: HostKeys, user_key: Path) -> None:
    words = ["$(id)", "a b", "'quoted'", "-n; reboot", "ö\n*"]
    async with enter(server, keys, user_key) as session:
        done = await session.run(["printf", r"%s\0", *words])
    assert done.out.decode().split("\0")[:-1] == words


async def test_eight_megabytes_on_stderr_block_nothing(server: Server, keys: HostKeys, user_key: Path) -> None:
    heard = {"out": 0, "err": 0}

    def hear(stream: str, data: bytes) -> None:
        heard[stream] += len(data)

    async with enter(server, keys, user_key) as session:
        done = await session.run(["sh", "-c", "head -c 8388608 /dev/zero >&2; echo done"], heard=hear)
    assert (done.status, done.out, heard["err"]) == (0, b"done\n", 8 * 2**20)
    assert len(done.err) == 65_536


async def test_a_script_comes_by_standard_input(server: Server, keys: HostKeys, user_key: Path) -> None:
    script = b'read first\necho "$first"\nhello\n' + b"# more\n" * 100_000
    async with enter(server, keys, user_key) as session:
        done = await session.run(["sh", "-c", "cat | wc -c"], feed=script)
        assert int(done.out) == len(script)
        # One that reads nothing must not hang, either.
        assert (await session.run(["true"], feed=script)).status == 0


async def test_several_commands_at_once(server: Server, keys: HostKeys, user_key: Path) -> None:
    async with enter(server, keys, user_key) as session:
        began = time.monotonic()
        ends = await asyncio.gather(*(session.run(["sh", "-c", f"sleep 0.3; echo {n}"]) for n in range(6)))
        assert [done.out for done in ends] == [b"%d\n" % n for n in range(6)]
        assert time.monotonic() - began < 6 * 0.3 + 5


async def test_a_command_that_takes_too_long_is_told_to_end(server: Server, keys: HostKeys, user_key: Path) -> None:
    mark = server.home / "ended"
    async with enter(server, keys, user_key) as session:
        with pytest.raises(TimedOut, match="command"):
            await session.run(["sh", "-c", f"trap 'touch {mark}; exit' TERM; while :; do sleep 0.1; done"], seconds=1)
        await asyncio.to_thread(until, mark.exists, what="the command was told to end")


async def test_cancelling_ends_the_wait_at_once(server: Server, keys: HostKeys, user_key: Path) -> None:
    async with enter(server, keys, user_key) as session:
        waiting = asyncio.create_task(session.run(["sleep", "60"]))
        await asyncio.sleep(0.5)
        began = time.monotonic()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert time.monotonic() - began < 5
        assert (await session.run(["echo", "on"])).out == b"on\n"


async def test_a_process_that_was_set_free_outlives_the_session(server: Server, keys: HostKeys, user_key: Path) -> None:
    mark = server.home / "outlived"
    async with enter(server, keys, user_key) as session:
        script = f"setsid nohup sh -c 'sleep 1; touch {mark}' >/dev/null 2>&1 </dev/null &"
        assert (await session.run(["sh", "-c", script])).status == 0
    await asyncio.to_thread(until, mark.exists, what="it worked on after we left")


async def test_a_file_arrives_whole_with_its_rights(
    server: Server, keys: HostKeys, user_key: Path, tmp_path: Path
) -> None:
    source = tmp_path / "bundle"
    source.write_bytes(os.urandom(3 * 2**20 + 17))
    told: list[tuple[int, int]] = []
    async with enter(server, keys, user_key) as session:
        await session.put(source, "bundle.bin", mode=0o640, told=lambda done, total: told.append((done, total)))
        await session.put(b"once more", "bundle2", mode=0o600)
        await session.put(b"again", "bundle2", mode=0o600)
    there = server.home / "bundle.bin"
    assert hashlib.sha256(there.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert stat.S_IMODE(there.stat().st_mode) == 0o640
    assert told[-1] == (source.stat().st_size, source.stat().st_size)
    assert (server.home / "bundle2").read_bytes() == b"again"
    assert not list(server.home.glob("*.part"))


async def test_a_file_that_cannot_be_written_leaves_nothing(server: Server, keys: HostKeys, user_key: Path) -> None:
    (server.home / "taken").mkdir()
    async with enter(server, keys, user_key) as session:
        with pytest.raises(FileRefused, match="nowhere/file"):
            await session.put(b"x", "nowhere/file")
        with pytest.raises(FileRefused, match="taken"):
            await session.put(b"x", "taken")
    assert not list(server.home.glob("*.part"))


async def test_a_server_without_sftp_is_named(serve: Serve, keys: HostKeys, user_key: Path) -> None:
    server = serve(Subsystem="")
    async with enter(server, keys, user_key) as session:
        with pytest.raises(NoSftp):
            await session.put(b"x", "file")
        assert (await session.run(["echo", "on"])).out == b"on\n"


async def test_a_server_whose_sftp_cannot_start_is_named(serve: Serve, keys: HostKeys, user_key: Path) -> None:
    server = serve(Subsystem="sftp /no/such/program")
    async with enter(server, keys, user_key) as session:
        with pytest.raises(NoSftp):
            await session.put(b"x", "file")


async def test_a_server_that_runs_nothing_is_named(serve: Serve, keys: HostKeys, user_key: Path) -> None:
    server = serve(MaxSessions="0")
    async with enter(server, keys, user_key) as session:
        with pytest.raises(NoShell):
            await session.run(["true"])
