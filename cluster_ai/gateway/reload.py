"""A changed configuration put in force while calls are being answered: no stream ends for it, nothing learned is lost.

What the gateway reads at each use is in force at once. What it was built with comes with the next process, and is
named, so that nobody believes it in force.
"""

from dataclasses import dataclass
from typing import Any, Final, cast

from cluster_ai.core.wire import View
from cluster_ai.gateway.nodes.picture import Orders
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.probes import Prober
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import GatewaySettings, UpstreamKind, UpstreamSettings

NODES: Final = "upstreams"
LIVE: Final = frozenset(
    {
        NODES, "aliases", "allow_pull", "breaker_failures", "breaker_seconds", "check_blobs", "first_byte_seconds",
        "load_seconds",
        "open_webui_secret", "probe_seconds", "queue_length", "queue_seconds", "registries", "tools",
        "trust_user_headers",
    }
)  # fmt: skip
"""Settings that are read at each use. Any other one is what something was built with."""


class ReloadView(View):
    """What a new configuration changed. Nodes and settings by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Gets no new call; answers that it is giving come to their end."""
    changed: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    after_restart: tuple[str, ...] = ()
    """Changed in the file, and in force when the gateway is restarted."""


def compared(old: GatewaySettings, new: GatewaySettings) -> ReloadView:
    """What is different. Pure."""
    before, after = ({row.name: row for row in settings.upstreams} for settings in (old, new))
    fields = [name for name in GatewaySettings.model_fields if getattr(old, name) != getattr(new, name)]
    return ReloadView(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(name for name, row in after.items() if name in before and before[name] != row),
        settings=tuple(name for name in fields if name in LIVE and name != NODES),
        after_restart=tuple(name for name in fields if name not in LIVE),
    )


class _Followed:
    """Settings that stay one object for those who hold them while their values are exchanged."""

    now: GatewaySettings

    def __init__(self, now: GatewaySettings) -> None:
        self.follow(now)

    def follow(self, now: GatewaySettings) -> None:
        # Attributes of its own: every call reads some of them, and to pass each question on costs ten times as much.
        self.__dict__.update(now, now=now)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


def followed(settings: GatewaySettings) -> GatewaySettings:
    """The same settings, in a form whose values ``Reload`` can exchange."""
    return cast("GatewaySettings", _Followed(settings))


@dataclass(frozen=True, slots=True)
class Reload:
    """Of one room. ``settings`` came from ``followed``."""

    settings: GatewaySettings
    pool: Pool
    prober: Prober

    def apply(self, new: GatewaySettings) -> ReloadView:
        """Puts new settings in force, in one step: no call sees half of them."""
        holder = cast("_Followed", self.settings)
        found = compared(holder.now, new)
        old = {row.name: row for row in holder.now.upstreams}
        # What needs a restart keeps its value: it is what the process was built with.
        kept = {name: getattr(holder.now, name) for name in found.after_restart}
        holder.follow(new.model_copy(update=kept))
        for name in found.removed:
            self._leave(name)
        rows = {row.name: row for row in new.upstreams}
        for name in (*found.added, *found.changed):
            self._meet(rows[name], old.get(name))
        if {"breaker_failures", "breaker_seconds"} & set(found.settings):
            self._set_breakers()
        return found

    def _leave(self, name: str) -> None:
        self.prober.unwatch(name)
        self.pool.remove(name)

    def _meet(self, row: UpstreamSettings, old: UpstreamSettings | None) -> None:
        if old is not None and old.url == row.url and (known := self.pool.find(row.name)):
            _order(known, Orders.of(row))
            return
        if old is not None:
            # Another address is another node: nothing that was learned of the old one holds.
            self._leave(row.name)
        found = self.pool.add(row.name, str(row.url), UpstreamKind.OLLAMA, Orders.of(row))
        # Nothing is known of it, so nobody is sent there before the first look.
        found.wake.set()
        self.prober.watch(found)

    def _set_breakers(self) -> None:
        for upstream in self.pool.all():
            for lane in upstream.lanes.values():
                lane.breaker.failures = self.settings.breaker_failures
                lane.breaker.pause = self.settings.breaker_seconds


def _order(upstream: Upstream, orders: Orders) -> None:
    upstream.orders = orders
    for lane in upstream.lanes.values():
        lane.capacity.declared = orders.slots
