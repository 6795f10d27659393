"""A supervisor in the background, launched and watched: it comes up, or nothing of it is left."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from cluster_ai.cli import ending, progress, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.watching import DidNotCome, until
from cluster_ai.cli.words import t
from cluster_ai.core.paths import PRIVATE_FILE, Home
from cluster_ai.core.processes import how_it_ended

if TYPE_CHECKING:
    from cluster_ai.supervisor.types import SupervisorView

LARGEST_LOG: Final = 5 * 1024 * 1024


def launch(home: Home, python: Path | None = None) -> "Start":
    """Starts the supervisor of ``home`` in a session of its own, with its words in ``supervisor.log``.

    ``python``: of another installed version, which finds its program by itself; else this program's.
    """
    log = _fresh_log(home)
    mark = log.stat().st_size
    return Start(home, _spawn(home, log, python), log, mark)


@dataclass(frozen=True)
class Start:
    """A supervisor that was just launched. What it writes begins at ``mark`` of ``log``."""

    home: Home
    child: "subprocess.Popen[bytes]"
    log: Path
    mark: int

    def until_up(self, *, ready: bool, seconds: float) -> "SupervisorView":
        """Waits until it answers, or until everything is ready.

        Raises:
            DidNotCome: it ended, one of its parts failed for good, or it took too long.
        """
        with progress.progress() as shown:
            return until(
                self.home,
                lambda view: view.pid == self.child.pid and (view.ready or not ready),
                seconds=seconds,
                shown=shown,
                is_over=lambda: self.child.poll() is not None,
            )

    def give_up(self, problem: DidNotCome) -> NoReturn:
        """Says why, takes down what did come up, and ends the run with the supervisor's own code."""
        code = self.child.poll()
        parts = problem.view.parts if problem.view else ()
        failed = next((part for part in parts if part.name == problem.part), None)
        if code is not None:
            show.say(_said(self.log, self.mark) or t("up.died", how=how_it_ended(code)))
        if failed:
            show.say(t("up.part_failed", part=failed.name, why=progress.described(failed)))
        if problem.late:
            show.say(
                t("up.late", parts=", ".join(part.name for part in parts if part.state != "ready") or "supervisor")
            )
        self.take_down()
        show.say(t("up.nothing_left", log=failed.log if failed else self.log))
        leave(code if code and code > 0 else Exit.ERROR)

    def why(self, problem: DidNotCome) -> str:
        """The same in one line, for who goes on."""
        code = self.child.poll()
        parts = problem.view.parts if problem.view else ()
        late = [part for part in parts if part.state != "ready"]
        said = [progress.described(part) for part in late if part.error or part.last_exit][:1]
        if code is not None:
            return (_said(self.log, self.mark).splitlines() or [how_it_ended(code)])[-1]
        return ": ".join([", ".join(part.name for part in late) or "supervisor", *said])

    def take_down(self) -> None:
        if self.child.poll() is None:
            ending.end_process(self.child.pid)


def _spawn(home: Home, log: Path, python: Path | None) -> "subprocess.Popen[bytes]":
    from cluster_ai.parts import CODE

    env = {**os.environ, "CLUSTER_AI_HOME": str(home.root)}
    path = env.pop("PYTHONPATH", "")
    if python is None:
        env["PYTHONPATH"] = os.pathsep.join(part for part in (str(CODE), path) if part)
    with log.open("ab") as file:
        # From the root, so that no folder is kept from being unmounted or taken for a place of modules.
        return subprocess.Popen(  # noqa: S603 - a version that lies here whole, and our own words
            [str(python or sys.executable), "-P", "-m", "cluster_ai.cli.main", "up"],
            env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip


def _fresh_log(home: Home) -> Path:
    log = home.logs / "supervisor.log"
    log.touch(mode=PRIVATE_FILE)
    if log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_name(f"{log.name}.1"))
        log.touch(mode=PRIVATE_FILE)
    return log


def _said(log: Path, mark: int) -> str:
    """What the supervisor said to people (its log proper is JSON)."""
    with log.open("rb") as file:
        file.seek(mark)
        lines = file.read(65_536).decode("utf-8", errors="replace").splitlines()
    return "\n".join(show.safe(line) for line in lines if line.strip() and not line.startswith("{"))
