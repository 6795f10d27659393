"""A cluster in the background: started, watched until it is healthy, and left alone."""

from typing import TYPE_CHECKING

from cluster_ai.cli import progress, settling, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.launch import launch
from cluster_ai.cli.watching import DidNotCome, look_if_any, until
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Conflict

if TYPE_CHECKING:
    from cluster_ai.settings import Settings


def start_detached(settings: "Settings", *, wait: bool, seconds: float) -> None:
    """Starts unless it runs; says so in both cases.

    Raises:
        NotWritable, NoSpace, PortInUse: nothing was started.
        Leave: it did not come up; nothing of it is left.
    """
    home = settings.paths
    if found := look_if_any(home):
        _join(settings, found.pid, wait=wait, seconds=seconds)
        return
    try:
        _refuse(settings)
    except Conflict:
        # The ports may be those of a start that was faster by a moment.
        if (found := look_if_any(home)) is None:
            raise
        _join(settings, found.pid, wait=wait, seconds=seconds)
        return
    start = launch(home)
    try:
        view = start.until_up(ready=wait, seconds=seconds)
    except KeyboardInterrupt:
        start.take_down()
        raise
    except DidNotCome as exc:
        found = look_if_any(home)
        if found is None or found.pid == start.child.pid:
            start.give_up(exc)
        # Somebody else was faster still.
        _join(settings, found.pid, wait=wait, seconds=seconds)
        return
    if wait:
        settling.greet(settings, view)


def _refuse(settings: "Settings") -> None:
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse

    refuse(settings.paths, parts(settings), host=settings.bind)


def _join(settings: "Settings", pid: int, *, wait: bool, seconds: float) -> None:
    """It runs already: waits until it is ready, too, and says where it is."""
    show.say(t("up.runs", pid=pid, home=settings.home))
    if not wait:
        return
    try:
        with progress.progress() as shown:
            view = until(settings.paths, lambda view: view.ready, seconds=seconds, shown=shown)
    except DidNotCome as exc:
        show.say(t("up.not_well"))
        leave(Exit.DEGRADED if exc.view else Exit.UNREACHABLE)
    settling.greet(settings, view)
