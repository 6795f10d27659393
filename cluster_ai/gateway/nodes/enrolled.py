"""Machines of the cluster as nodes of the gateway: who belongs to it says the head; how each is, we see ourselves."""

from dataclasses import dataclass, field

import structlog

from cluster_ai.gateway.nodes.picture import Orders
from cluster_ai.gateway.nodes.pool import Pool, Upstream
from cluster_ai.gateway.nodes.probes import Prober
from cluster_ai.gateway.types import UpstreamKind
from cluster_ai.gateway.wire.lan import Lan
from cluster_ai.nodes.views import ServingNode
from cluster_ai.pki.types import node_host

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Enrolled:
    """Owns which machines are in the pool. Nothing is taken out because it is silent: probes see that."""

    pool: Pool
    prober: Prober
    lan: Lan
    _rows: dict[str, ServingNode] = field(default_factory=dict)

    def apply(self, rows: tuple[ServingNode, ...]) -> None:
        """Makes the pool agree with what the head says, in one step. What was learned of a machine stays."""
        wanted = {row.name: row for row in rows}
        for name in [name for name in self._rows if name not in wanted]:
            self._leave(name)
        for row in wanted.values():
            self._meet(row)
        self.pool.waker.names = frozenset(row.name for row in rows if row.wakes)

    def _leave(self, name: str) -> None:
        row = self._rows.pop(name)
        self.prober.unwatch(name)
        self.pool.remove(name)
        self.lan.addresses.pop(node_host(row.node_id), None)
        log.info("machine has left", node=name)

    def _meet(self, row: ServingNode) -> None:
        known = self._rows.get(row.name)
        if known == row:
            return
        if known is not None and known.node_id != row.node_id:
            self.lan.addresses.pop(node_host(known.node_id), None)
        self.lan.addresses[node_host(row.node_id)] = row.addresses
        url = f"https://{node_host(row.node_id)}:{row.port}"
        found = self.pool.find(row.name)
        if found is not None and known is None:
            log.warning("a machine is called as a node of the configuration, which stays", node=row.name)
            return
        self._rows[row.name] = row
        if found is not None and found.url == url:
            found.orders = _orders(row, found)
            return
        if found is not None:
            self.prober.unwatch(row.name)
            self.pool.remove(row.name)
        made = self.pool.add(row.name, url, UpstreamKind.MACHINE, _orders(row, None))
        made.wake.set()
        self.prober.watch(made)
        log.info("machine is a node now", node=row.name, addresses=" ".join(row.addresses), port=row.port)


def _orders(row: ServingNode, known: Upstream | None) -> Orders:
    slots = known.orders.slots if known else None
    return Orders(slots=slots, labels=frozenset(row.labels), drain=row.drain)
