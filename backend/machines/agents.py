"""What the head asks at the doors of machines: lines of their logs, and commands, streamed as they come."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from backend.relay import GatewayCalls, Note, Passing, Relayed
from cluster_ai.core.connectors import ENDS_WITH_ITS_SESSION
from cluster_ai.gateway.wire.lan import Lan, LanResolver
from cluster_ai.nodes.errors import MachineUnreachable
from cluster_ai.nodes.fleet import Fleet, Known
from cluster_ai.pki.types import node_host

CONNECT_SECONDS: Final = 3.0
SILENCE_SECONDS: Final = 3700.0
"""A log may have nothing to say for long; a command has an hour."""


@dataclass(frozen=True, slots=True)
class Agents:
    """Open while the machines' door is."""

    fleet: Fleet
    session: aiohttp.ClientSession
    lan: Lan

    def logs(self, name: str, *, part: str, lines: int, follow: bool) -> Relayed:
        """Records ``{"part": ..., "line": ...}``.

        Raises:
            NoSuchMachine: none has that name.
        """
        query = urlencode({"part": part, "lines": lines, "follow": int(follow)})
        return Relayed(self._calls(name), Passing("GET", f"/-/logs?{query}", {}, seconds=SILENCE_SECONDS))

    def execute(self, name: str, wish: dict[str, Any], *, note: Note) -> Relayed:
        """Records ``{"out": ...}``, ``{"err": ...}``, and at the end ``{"exit": ...}``. Raises as ``logs``."""
        passing = Passing("POST", "/-/exec", wish, seconds=SILENCE_SECONDS)
        return Relayed(self._calls(name), passing, note=note)

    def _calls(self, name: str) -> GatewayCalls:
        known = self.fleet.named(name)
        host = node_host(known.machine.id)
        self.lan.addresses[host] = _addresses(known)
        # The machine knows us by our certificate; there is no token between us.
        url = f"https://{host}:{known.machine.port}"
        return GatewayCalls(self.session, gateway_url=url, token="", lost=partial(_silent, name))


def _silent(name: str, why: str) -> MachineUnreachable:
    """By the name that people know: nobody can ask for the address under which the certificate stands."""
    return MachineUnreachable(
        f"{name} does not answer: {why}",
        hint="is it on, and does a firewall stand between? see: cluster-ai node ls",
        values={"name": name, "why": why},
    )


def _addresses(known: Known) -> tuple[str, ...]:
    best = known.presence.best if known.presence else ""
    return tuple(sorted(known.machine.addresses, key=lambda address: address != best))


@asynccontextmanager
async def open_agents(fleet: Fleet, tls: SSLContext) -> AsyncIterator[Agents]:
    """Connections to machines, while the block runs. ``tls`` shows the head's certificate."""
    lan = Lan(tls=tls)
    connector = aiohttp.TCPConnector(
        ssl=tls,
        resolver=LanResolver(lan),
        use_dns_cache=False,
        limit=0,
        force_close=True,
        enable_cleanup_closed=ENDS_WITH_ITS_SESSION,
    )
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=limits, trust_env=False) as session:
        yield Agents(fleet, session, lan)
