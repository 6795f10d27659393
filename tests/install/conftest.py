"""A head that hands out a small program, and a machine without anything, for the real installer."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import psutil
import pytest

from tests.install.small import program, small_wheel, uv_wheel
from tests.ports import free_base
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "install_unified.sh"
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
# Whatever a folder may be called, nothing of it is ever run.
LINES = 40
NASTY = "ho me $(touch evil) ; `touch evil` 100% 'x'"


@dataclass
class Head:
    folder: Path
    lines: list[str]

    def fault(self, name: str) -> None:
        (self.folder / "fault").write_text(name)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@dataclass
class Machine:
    """One user's account: its home folder and the environment of its shell."""

    root: Path
    shell: tuple[str, ...] = ("/bin/dash",)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / NASTY

    @property
    def prefix(self) -> Path:
        return self.home / ".local/lib/cluster-ai"

    @property
    def data(self) -> Path:
        return self.home / ".local/share/cluster-ai"

    @property
    def environment(self) -> dict[str, str]:
        temporary = self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        python = getattr(sys, "_base_executable", sys.executable)
        return {
            "PATH": PATH,
            "HOME": str(self.home),
            "TMPDIR": str(temporary),
            "CLUSTER_AI_PYTHON": python,
            "CLUSTER_AI_WAIT_SECONDS": "20",
            **self.more,
        }

    def argv(self, *arguments: str) -> list[str]:
        return [*self.shell, str(SCRIPT), *arguments]

    def run(
        self, *arguments: str, given: str | None = None, env: Mapping[str, str] | None = None, **more: object
    ) -> subprocess.CompletedProcess[str]:
        """Without a terminal; standard input is closed unless something is ``given``."""
        return subprocess.run(
            self.argv(*arguments) if "argv" not in more else more["argv"],  # type: ignore[arg-type]
            env=self.environment | dict(env or {}),
            cwd=self.root,
            **({"stdin": subprocess.DEVNULL} if given is None else {"input": given}),  # type: ignore[arg-type]
            capture_output=True,
            text=True,
            timeout=90,
            start_new_session=True,
            check=False,
        )

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*arguments),
            env=self.environment,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def files(self) -> set[str]:
        """All that is in the account, and beside it."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*")} - {"tmp"}

    def runner(self) -> int | None:
        try:
            return int((self.prefix / "runner.pid").read_text())
        except (OSError, ValueError):
            return None

    def running(self) -> list[int]:
        """Whatever was started from this account."""
        found = psutil.process_iter(["pid", "cmdline"])
        return [one.pid for one in found if any(str(self.home) in word for word in one.info["cmdline"] or ())]

    def stop(self) -> None:
        """Ends what the installer left running, as a reboot would."""
        if (pid := self.runner()) is None or not Path(f"/proc/{pid}").exists():
            return
        os.kill(pid, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{pid}").exists(), seconds=20, what="the runner ends")


def has_nothing(machine: Machine) -> bool:
    """Neither the program nor its data nor anything for the meantime."""
    return machine.files() == {NASTY}


def version_of(text: str) -> str:
    found = re.search(r"0\.1\.0\+[0-9a-f]{8}-[0-9a-f]{12}-py3\.1[0-9]-\w+", text)
    assert found, text
    return found[0]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    small_wheel(folder)
    uv_wheel(folder)
    return folder


@pytest.fixture(scope="session")
def small_program(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    return program(tmp_path_factory.mktemp("program"), wheel=wheels / "small-1-py3-none-any.whl")


@contextlib.contextmanager
def heading(folder: Path, root: Path, wheels: Path) -> Iterator[Head]:
    """A head whose program is in ``root``, until the block ends."""
    folder.mkdir(exist_ok=True)
    argv = [sys.executable, str(Path(__file__).with_name("head.py")), str(folder), str(root), str(wheels)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Head(folder, list(_lines(process.stdout)))
        finally:
            process.stdin.close()
            process.wait(20)


def _lines(output: TextIO) -> Iterator[str]:
    """The join lines; a log of ours may come between."""
    left = LINES
    while left and (line := output.readline()):
        if line.startswith("https://"):
            left -= 1
            yield line.strip()


@pytest.fixture(scope="session")
def one_head(tmp_path_factory: pytest.TempPathFactory, small_program: Path, wheels: Path) -> Iterator[Head]:
    with heading(tmp_path_factory.mktemp("head"), small_program, wheels) as there:
        yield there


@pytest.fixture
def head(one_head: Head) -> Iterator[Head]:
    """The head, with a fresh line in front, nothing heard yet and no fault."""
    one_head.lines.pop(0)
    (one_head.folder / "calls").unlink(missing_ok=True)
    yield one_head
    (one_head.folder / "fault").unlink(missing_ok=True)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    there = Machine(tmp_path / "machine", more={"CLUSTER_AI_PORT_BASE": str(free_base())})
    there.home.mkdir(parents=True)
    yield there
    there.stop()
    until(lambda: not there.running(), seconds=10, what="nothing of it runs that its own note does not name")
    assert not list(tmp_path.rglob("evil")), "a name was run as a command"
