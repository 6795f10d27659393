"""What ``x`` offers: everything in the TUI that changes the cluster. Pure; the App carries it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster_ai.client import calls
from cluster_ai.client.calls import Call
from cluster_ai.core.i18n import Translate
from cluster_ai.views import OverviewView

SLOW_SECONDS = 60.0
"""A call that may take longer is told of when it begins, too."""


def no_problem(_answer: Any) -> str:
    """Where an answer means that it was done."""
    return ""


@dataclass(frozen=True, slots=True)
class Action:
    """``name`` must be typed when the action interrupts something. ``problem``: what an answer says went wrong."""

    title: str
    call: Call[Any]
    name: str = ""
    problem: Callable[[Any], str] = no_problem


def actions_for(overview: OverviewView | None, t: Translate) -> list[Action]:
    """Those that the cluster allows as it is."""
    parts = overview.system.parts if overview else ()
    restarts = [
        Action(t("action.restart", part=part.name), calls.restart_part(part.name), name=part.name) for part in parts
    ]
    return [Action(t("action.add_worker"), calls.add_workers(1)), *restarts]
