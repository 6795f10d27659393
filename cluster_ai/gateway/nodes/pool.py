"""All nodes that the gateway knows, and who of them has a model."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.nodes.demand import Demand
from cluster_ai.gateway.nodes.picture import Orders
from cluster_ai.gateway.nodes.upstreams import PROBES_TO_DOWN, Upstream
from cluster_ai.gateway.nodes.waking import Waker
from cluster_ai.gateway.routing import full_name
from cluster_ai.gateway.types import EMBEDDED_NAME, GatewaySettings, ModelView, UpstreamKind, UpstreamState

__all__ = ["PROBES_TO_DOWN", "Pool", "Serving", "Upstream"]

Serving = tuple[Upstream, ModelView]
"""A node, and a model as it calls it."""


class Pool:
    """All nodes by name."""

    def __init__(self, settings: GatewaySettings, *, embedded_url: str | None, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._upstreams: dict[str, Upstream] = {}
        self.demand = Demand()
        self.waker = Waker(settings.wake_seconds, clock)
        if embedded_url:
            self.add(EMBEDDED_NAME, embedded_url, UpstreamKind.EMBEDDED)
        for row in settings.upstreams:
            self.add(row.name, str(row.url), UpstreamKind.OLLAMA, Orders.of(row))

    def add(self, name: str, url: str, kind: UpstreamKind, orders: Orders | None = None) -> Upstream:
        found = Upstream(name, url.rstrip("/"), kind, self._settings, orders or Orders(), demand=self.demand)
        self._upstreams[name] = found
        return found

    def remove(self, name: str) -> None:
        if self._upstreams.pop(name, None):
            self.demand.homes.tell(name, {})

    def has_url(self, url: str) -> bool:
        return any(upstream.url == url.rstrip("/") for upstream in self._upstreams.values())

    def all(self) -> tuple[Upstream, ...]:
        return tuple(self._upstreams.values())

    def get(self, name: str) -> Upstream:
        return self._upstreams[name]

    def find(self, name: str) -> Upstream | None:
        return self._upstreams.get(name)

    def serving(self, model: str, pins: frozenset[str] = frozenset()) -> list[Serving]:
        """Nodes that have ``model`` under any name and are not known to be down, with what they call it.

        ``pins``: only nodes of these names or labels; a node that drains takes nothing, pinned or not.
        """
        named, others = [], []
        for upstream in self._up():
            if view := upstream.model(model):
                named.append((upstream, view))
            else:
                others.append(upstream)
        if others:
            named += _same_weights({view.digest for _, view in named if view.digest}, others)
        return [row for row in named if row[0].takes(pins)]

    def resolve(self, model: str) -> str:
        """What an alias stands for now: the first of its models that a node serves. Other names are themselves."""
        names = self._settings.aliases.get(model)
        if not names:
            return model
        return next((name for name in names if any(up.model(name) for up in self._up())), names[0])

    def aliases(self) -> dict[str, str]:
        """Aliases of models that are served now, each with the full name of the one that it stands for."""
        served = self.models()
        stands = {alias: full_name(self.resolve(alias)) for alias in sorted(self._settings.aliases)}
        return {alias: name for alias, name in stands.items() if name in served}

    def down_with(self, model: str) -> list[Upstream]:
        """Nodes that had ``model`` and are down."""
        return [up for up in self.all() if up.state is UpstreamState.DOWN and up.model(model)]

    def is_any_up(self) -> bool:
        return any(True for _ in self._up())

    def models(self) -> dict[str, tuple[Upstream, Mapping[str, object]]]:
        """Every model that is served now, by full name, with the record of the first node that has it."""
        found: dict[str, tuple[Upstream, Mapping[str, object]]] = {}
        for upstream in self._up():
            for record in upstream.picture.tags:
                found.setdefault(full_name(str(record["name"])), (upstream, record))
        return dict(sorted(found.items()))

    def loaded(self) -> list[Mapping[str, object]]:
        """Records of every model in the memory of a node."""
        return [record for upstream in self._up() for record in upstream.picture.loaded]

    def _up(self) -> Iterable[Upstream]:
        healthy, suspect = UpstreamState.HEALTHY, UpstreamState.SUSPECT
        return [up for up in self._upstreams.values() if up.state is healthy or up.state is suspect]


def _same_weights(digests: Collection[str], upstreams: Iterable[Upstream]) -> Iterator[Serving]:
    """Those that have one of these models under another name: a node may have pulled it as something else."""
    for upstream in upstreams:
        if view := next(filter(None, map(upstream.picture.by_digest.get, digests)), None):
            yield upstream, view
