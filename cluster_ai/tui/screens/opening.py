"""Screens by name. What is not shown is not imported either: the words of a room cost memory and start-up."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.session import Session

PLACES: Final[Mapping[str, str]] = {
    "overview": "OverviewScreen",
    "nodes": "NodesScreen",
    "models": "ModelsScreen",
    "tickets": "TicketsScreen",
    "slos": "SlosScreen",
    "events": "EventsScreen",
    "logs": "LogsScreen",
    "routing": "RoutingScreen",
    "metrics": "MetricsScreen",
    "topology": "TopologyScreen",
    "chat": "ChatScreen",
}
"""The class of each, in the module of that name."""


def made(name: str, session: Session) -> LiveScreen:
    """The screen ``name``, imported when it is opened first."""
    module = import_module(f"cluster_ai.tui.screens.{name}")
    screen = getattr(module, PLACES[name])(session)
    assert isinstance(screen, LiveScreen)
    return screen
