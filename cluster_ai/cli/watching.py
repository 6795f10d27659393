"""Looking at the supervisor until something is so."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home

if TYPE_CHECKING:
    from cluster_ai.supervisor.types import PartView, SupervisorView

PAUSE = 0.1


class DidNotCome(Exception):
    """What was waited for cannot come any more, or took too long. ``view`` is the last that was seen."""

    def __init__(self, view: "SupervisorView | None", *, part: str = "", late: bool = False) -> None:
        super().__init__(part)
        self.view = view
        self.part = part
        self.late = late


def look(home: Home) -> "SupervisorView":
    """The supervisor's answer.

    Raises:
        Unavailable: none runs, or it does not answer.
    """
    from cluster_ai.supervisor.control import Control

    return asyncio.run(Control(home).status())


def look_if_any(home: Home) -> "SupervisorView | None":
    """The supervisor's answer; None when none runs."""
    try:
        return look(home)
    except Unavailable:
        return None


def until(
    home: Home,
    is_so: Callable[["SupervisorView"], bool],
    *,
    seconds: float,
    shown: Callable[["SupervisorView"], None] | None = None,
    is_over: Callable[[], bool] = lambda: False,
    is_failed: Callable[["PartView"], bool] = lambda _part: True,
) -> "SupervisorView":
    """Looks until ``is_so``; shows each view on the way.

    Raises:
        DidNotCome: a part has failed for good, ``is_over``, or it took longer than ``seconds``.
    """
    end, view = time.monotonic() + seconds, None
    while True:
        over = is_over()
        view = look_if_any(home) or view
        if view is not None:
            if shown is not None:
                shown(view)
            if is_so(view):
                return view
            if failed := next((part.name for part in view.parts if part.state == "failed" and is_failed(part)), ""):
                raise DidNotCome(view, part=failed)
        if over:
            raise DidNotCome(view)
        if time.monotonic() > end:
            raise DidNotCome(view, late=True)
        time.sleep(PAUSE)
