"""The cluster drawn as a tree of head, gateway, nodes, workers and machines."""

from collections.abc import Iterable
from typing import ClassVar

from textual.widget import Widget

from cluster_ai.client import AsyncClient, machines
from cluster_ai.nodes.views import MachineView
from cluster_ai.tui.screens.detail import DetailScreen
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.screens.watching import WatchScreen
from cluster_ai.tui.topology_rows import TOPOLOGY_COLUMNS, topology_rows
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView

Machines = tuple[MachineView, ...]


class TopologyScreen(WatchScreen[Machines]):
    """Nodes and workers come with the snapshot; machines are asked for."""

    EVERY: ClassVar[float] = 5.0
    DETAILED = "table-topology"

    async def ask(self, client: AsyncClient) -> Machines:
        return await client.send(machines.machines())

    def summary(self) -> str:
        return self.session.t("topology.summary")

    def compose_watched(self) -> Iterable[Widget]:
        yield Panel("topology", TOPOLOGY_COLUMNS, self.session.t)

    def draw_watched(self, overview: OverviewView, known: Machines | None) -> None:
        self.query_one(Panel).show(topology_rows(overview, known, self.session.words))

    def deeper(self) -> LiveScreen | None:
        kind, _, name = (self.query_one(Panel).table.selected or "").partition(" ")
        return DetailScreen(self.session, name) if kind == "node" else None

    def copied(self) -> str | None:
        """The name without the kind."""
        kind, _, name = (self.query_one(Panel).table.selected or "").partition(" ")
        return name or kind or None
