"""Commands of the head: a list of words, and gone with all that they started."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster_ai.node_agent.api.commands import MOST_AT_ONCE, Commands
from tests.node_agent.calling import Caller, calling, rooms
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.real]
ROOT = Path(__file__).parents[2]
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(300)
    os._exit(0)
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():
    time.sleep(0.01)
print("it runs", flush=True)
if sys.argv[2] == "stays":
    time.sleep(300)
"""


def open_to(folder: Path, **more: Any) -> Any:
    return calling(folder, rooms(execute=Commands(allowed=True, folder=folder, **more)))


async def run(caller: Caller, *argv: str, **more: Any) -> tuple[str, str, dict[str, Any]]:
    """What it said on either output, and how it ended."""
    status, lines = await caller.ask("POST", "/-/exec", {"argv": argv, **more})
    assert status == 200, lines
    said = {name: "".join(line.get(name, "") for line in lines) for name in ("out", "err")}
    return said["out"], said["err"], lines[-1]


async def test_nothing_runs_where_nobody_allowed_it(tmp_path: Path) -> None:
    commands = Commands(allowed=False, folder=tmp_path)
    async with calling(tmp_path, rooms(execute=commands)) as caller:
        status, told = await caller.ask("POST", "/-/exec", {"argv": ["touch", str(tmp_path / "done")]})
    assert (status, told["code"]) == (403, "exec_off")
    assert "allow_exec" in told["hint"]
    assert not (tmp_path / "done").exists()


async def test_words_are_words(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        out, err, end = await run(caller, "printf", "%s|", "$HOME; rm -rf x", "a b", "`id`", "*", "ação ✓")
    assert (out, err) == ("$HOME; rm -rf x|a b|`id`|*|ação ✓|", "")
    assert end["exit"] == 0


async def test_outputs_and_the_code_are_told_apart(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        told = await run(caller, "sh", "-c", "echo to one; echo to the other >&2; pwd; exit 7")
        assert (told[0], told[1]) == (f"to one\n{tmp_path}\n", "to the other\n")
        assert (told[2]["exit"], told[2]["why"]) == (7, "exit 7")


async def test_how_a_signal_ended_it_is_told(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        _, _, end = await run(caller, "sh", "-c", "kill -9 $$")
    assert (end["exit"], end["why"]) == (-9, "SIGKILL")


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/", 126)])
async def test_what_is_no_command_is_named(tmp_path: Path, command: str, code: int) -> None:
    async with open_to(tmp_path) as caller:
        _, err, end = await run(caller, command)
    assert err.startswith(f"{command}: ")
    assert end["exit"] == code


async def test_secrets_of_the_agent_are_not_handed_down(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/home/me", "CLUSTER_AI_TOKEN": "secret", "AWS_KEY": "secret"}
    async with open_to(tmp_path, environment=environment) as caller:
        out, _, _ = await run(caller, "env", env={"MINE": "1"})
    assert {line.partition("=")[0] for line in out.splitlines()} - {"LC_CTYPE"} == {"PATH", "HOME", "MINE"}


async def test_it_has_no_input_and_no_core_and_few_files(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        out, _, _ = await run(caller, "sh", "-c", "cat; ulimit -c; ulimit -n; nice")
    assert out.split() == ["0", "4096", str(min(19, os.nice(0) + 5))]


async def test_letters_that_come_in_pieces_are_whole(tmp_path: Path) -> None:
    slowly = "import os,time\nfor byte in 'ção✓'.encode(): os.write(1, bytes([byte])); time.sleep(0.01)"
    async with open_to(tmp_path) as caller:
        out, _, _ = await run(caller, sys.executable, "-c", slowly)
        bad, _, _ = await run(caller, "printf", r"a\377b")
    assert (out, bad) == ("ção✓", "a�b")


async def test_time_ends_it_with_all_that_it_started(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        began = asyncio.get_running_loop().time()
        out, _, end = await run(caller, sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "stays", timeout=1.5)
        assert asyncio.get_running_loop().time() - began < 30
    assert out == "it runs\n"
    assert (end["exit"], end["why"]) == (-15, "it ran longer than 1.5 s")
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text())), "it had begun a session of its own"


async def test_what_it_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        _, _, end = await run(caller, sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "goes")
    assert end["exit"] == 0
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


async def test_one_that_does_not_want_to_end_is_ended(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        _, _, end = await run(caller, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", timeout=0.5)
    assert end["exit"] == -9


async def test_a_caller_who_leaves_takes_it_along(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        argv = [sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "stays"]
        async with caller.open("POST", "/-/exec", {"argv": argv}) as answer:
            assert json.loads(await answer.content.readline()) == {"out": "it runs\n"}
        daemon = int((tmp_path / "pid").read_text())
        await asyncio.to_thread(until, gone(daemon), what="the command's daemon ends")


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not psutil.pid_exists(pid)


async def test_a_command_waits_for_a_caller_who_reads_slowly(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller, caller.open("POST", "/-/exec", {"argv": ["yes"]}) as answer:
        await answer.content.readline()

        def written() -> int:
            (yes,) = (each for each in psutil.Process().children(recursive=True) if each.name() == "yes")
            return int(yes.io_counters().write_chars)

        before = -1
        # It fills the pipes and buffers on its way, and then stands.
        while (now := await asyncio.to_thread(written)) != before:
            before = now
            await asyncio.sleep(0.3)
        assert 0 < now < 8 * 1024 * 1024


async def test_only_some_run_at_a_time(tmp_path: Path) -> None:
    async with open_to(tmp_path) as caller:
        asking = [asyncio.create_task(run(caller, "sleep", "60")) for _ in range(MOST_AT_ONCE)]
        async with asyncio.timeout(20):
            while len([each for each in psutil.Process().children(recursive=True) if each.name() == "sleep"]) < 4:
                await asyncio.sleep(0.02)
        status, told = await caller.ask("POST", "/-/exec", {"argv": ["true"]})
        assert (status, told["code"]) == (503, "unavailable")
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        async with asyncio.timeout(20):
            while (await caller.ask("POST", "/-/exec", {"argv": ["true"]}))[0] != 200:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"argv": []},
        {"argv": "ls -l"},
        {"argv": [""]},
        {"argv": ["a\x00b"]},
        {"argv": ["ls"], "timeout": 0},
        {"argv": ["ls"], "env": {"A=B": "x"}},
        {"argv": ["ls"], "shell": True},
    ],
)
async def test_what_is_no_list_of_words_is_refused(tmp_path: Path, body: Any) -> None:
    async with open_to(tmp_path) as caller:
        status, told = await caller.ask("POST", "/-/exec", body)
    assert (status, told["code"]) == (400, "invalid_input")


def test_an_agent_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    script = Path(__file__).with_name("executing.py")
    agent = subprocess.Popen(
        [sys.executable, script, str(tmp_path), sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "stays"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with agent:
        assert agent.stdout is not None
        assert json.loads(agent.stdout.readline()) == {"out": "it runs\n"}
        daemon = int((tmp_path / "pid").read_text())
        assert psutil.pid_exists(daemon)
        agent.send_signal(signal.SIGKILL)
    until(gone(daemon), what="the command's daemon ends")
