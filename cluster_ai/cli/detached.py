"""A cluster in the background: started, watched until it is healthy, and left alone; or not there at all."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from cluster_ai.cli.ending import end_process
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.progress import described, progress
from cluster_ai.cli.show import duration, safe, say
from cluster_ai.cli.watching import DidNotCome, look_if_any, until
from cluster_ai.cli.welcome import welcome
from cluster_ai.cli.words import t
from cluster_ai.core.paths import PRIVATE_FILE, Home
from cluster_ai.core.processes import how_it_ended

if TYPE_CHECKING:
    from cluster_ai.settings import Settings
    from cluster_ai.supervisor.types import SupervisorView
    from cluster_ai.views import CheckView

LARGEST_LOG: Final = 5 * 1024 * 1024
SETTLE_SECONDS: Final = 15.0
"""For the gateway to find its nodes, once every part is ready."""


def start_detached(settings: "Settings", *, wait: bool, seconds: float) -> None:
    """Starts unless it runs; says so in both cases.

    Raises:
        NotWritable, NoSpace, PortInUse: nothing was started.
        Leave: it did not come up; nothing of it is left.
    """
    home = settings.paths
    if found := look_if_any(home):
        _join(settings, found.pid, seconds=seconds)
        return
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse

    refuse(home, parts(settings), host=settings.bind)
    log = _fresh_log(home)
    start = Start(home, _spawn(home, log), log, log.stat().st_size)
    try:
        view = start.until_up(ready=wait, seconds=seconds)
    except KeyboardInterrupt:
        start.take_down()
        raise
    except DidNotCome as exc:
        found = look_if_any(home)
        if found is None or found.pid == start.child.pid:
            start.give_up(exc)
        # Somebody else was faster by a moment.
        _join(settings, found.pid, seconds=seconds)
        return
    if wait:
        _greet(settings, view)


def _join(settings: "Settings", pid: int, *, seconds: float) -> None:
    """It runs already: waits until it is ready, too, and says where it is."""
    say(t("up.runs", pid=pid, home=settings.home))
    try:
        with progress() as shown:
            view = until(settings.paths, lambda view: view.ready, seconds=seconds, shown=shown)
    except DidNotCome as exc:
        say(t("up.not_well"))
        leave(Exit.DEGRADED if exc.view else Exit.UNREACHABLE)
    _greet(settings, view)


def _greet(settings: "Settings", view: "SupervisorView") -> None:
    settled = _settle(settings, needs_node=any(part.name == "node" for part in view.parts))
    say(t("up.ready", name=safe(settings.name), age=duration(time.time() - view.started_at)))
    if not settled:
        say(t("up.not_well"))
    welcome(view, settings.paths)


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
        with progress() as shown:
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
            say(_said(self.log, self.mark) or t("up.died", how=how_it_ended(code)))
        if failed:
            say(t("up.part_failed", part=failed.name, why=described(failed)))
        if problem.late:
            say(t("up.late", parts=", ".join(part.name for part in parts if part.state != "ready") or "supervisor"))
        self.take_down()
        say(t("up.nothing_left", log=failed.log if failed else self.log))
        leave(code if code and code > 0 else Exit.ERROR)

    def take_down(self) -> None:
        if self.child.poll() is None:
            end_process(self.child.pid)


def _settle(settings: "Settings", *, needs_node: bool) -> bool:
    """Waits until the API finds everything well, so that the first question is answered; False if that fails."""
    from cluster_ai.client import Client
    from cluster_ai.core.errors import ClusterError

    end_at = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end_at:
        # An API that is between two breaths is asked again; ``cluster-ai diag`` tells what stays wrong.
        with contextlib.suppress(ClusterError), Client.local(settings) as client:
            found = client.ready()
            if found.ready or not any(needs_node or not _is_of_nodes(check) for check in found.checks if not check.ok):
                return True
        time.sleep(0.2)
    return False


def _is_of_nodes(check: "CheckView") -> bool:
    return check.name.startswith("node")


def _spawn(home: Home, log: Path) -> "subprocess.Popen[bytes]":
    from cluster_ai.parts import CODE

    path = os.pathsep.join(part for part in (str(CODE), os.environ.get("PYTHONPATH", "")) if part)
    env = {**os.environ, "CLUSTER_AI_HOME": str(home.root), "PYTHONPATH": path}
    with log.open("ab") as file:
        # From the root, so that no folder is kept from being unmounted or taken for a place of modules.
        return subprocess.Popen(
            [sys.executable, "-m", "cluster_ai.cli.main", "up"],
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
    return "\n".join(safe(line) for line in lines if line.strip() and not line.startswith("{"))
