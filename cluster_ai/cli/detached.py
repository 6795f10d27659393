"""A cluster in the background: started, watched until it is healthy, and left alone."""

from typing import TYPE_CHECKING

from cluster_ai.cli import kept, launch, place, progress, service_unit, settling, show, watching
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Conflict

if TYPE_CHECKING:
    from cluster_ai.settings import Settings
    from cluster_ai.supervisor.types import SupervisorView


def start_detached(settings: "Settings", *, wait: bool, seconds: float) -> None:
    """Starts unless it runs; says so in both cases.

    Raises:
        NotWritable, NoSpace, PortInUse: nothing was started.
        Conflict: a service is to start it, which only root can start.
        Leave: it did not come up; nothing of it is left.
    """
    if other := watching.look_if_any(settings.paths) or _start(settings, wait=wait, seconds=seconds):
        show.say(t("up.runs", pid=other.pid, home=settings.home))
        # Its ports are those that it was started with, whatever was asked for now.
        settings = place.settings()
        if wait:
            _until_well(settings, ready=True, seconds=seconds)
    if wait:
        settling.greet(settings, watching.look(settings.paths))


def _start(settings: "Settings", *, wait: bool, seconds: float) -> "SupervisorView | None":
    """Starts a supervisor and waits until it is up; answers another one that was faster by a moment."""
    home = settings.paths
    if kept.runner(home) or service_unit.start():
        kept.let_go(home)
        _until_well(settings, ready=wait, seconds=seconds)
        return None
    try:
        _refuse(settings)
    except Conflict:
        # The ports may be those of the other one.
        if other := watching.look_if_any(home):
            return other
        raise
    start = launch.launch(home)
    try:
        start.until_up(ready=wait, seconds=seconds)
    except KeyboardInterrupt:
        start.take_down()
        raise
    except watching.DidNotCome as exc:
        if (other := watching.look_if_any(home)) and other.pid != start.child.pid:
            return other
        start.give_up(exc)
    return None


def _refuse(settings: "Settings") -> None:
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse

    refuse(settings.paths, parts(settings))


def _until_well(settings: "Settings", *, ready: bool, seconds: float) -> None:
    """Waits for a cluster that others start; it is theirs, so nothing is taken down."""
    try:
        with progress.progress() as shown:
            watching.until(settings.paths, lambda view: view.ready or not ready, seconds=seconds, shown=shown)
    except watching.DidNotCome as exc:
        show.say(t("up.not_well"))
        leave(Exit.DEGRADED if exc.view else Exit.UNREACHABLE)
