"""What is refused at the machines' door: told in the log and the audit log, and not a thousand times."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from backend.machines.door import Caller
from cluster_ai.accounts.audit import Deed
from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.errors import JoinRefused, LateHeartbeat, NotItself
from cluster_ai.pki.types import CertificateRefused

log = structlog.get_logger(__name__)
Record = Callable[[Deed], Awaitable[None]]
AUDITED: Final = (JoinRefused, NotItself, CertificateRefused)
"""What somebody tried who may not."""
QUIET_SECONDS: Final = 600.0
"""A machine that was removed knocks on for ever: the same of the same caller is news again after so long."""
AT_ONCE: Final = 5
"""So many of the same are told in a row before it is quiet: who tries five join lines is seen to."""
MOST_KEPT: Final = 4096


@dataclass(slots=True)
class Refusals:
    """One for a door."""

    record: Record
    clock: Clock
    _told: OrderedDict[tuple[str, str, str], tuple[int, float]] = field(default_factory=OrderedDict)

    async def tell(self, caller: Caller, path: str, error: ClusterError) -> None:
        """Something was refused. A late heartbeat is nobody's fault."""
        who = caller.identity.node_id if caller.identity else ""
        if isinstance(error, LateHeartbeat) or not self._is_news((error.code, caller.address, who)):
            return
        log.warning("refused at the machines' door", path=path, code=error.code, address=caller.address, machine=who)
        if isinstance(error, AUDITED):
            actor, action = f"machine {who}" if who else "unknown", f"machines{path.replace('/', '_')[:40]}"
            await self.record(Deed(actor=actor, action=action, outcome=error.code[:32], address=caller.address))

    def _is_news(self, what: tuple[str, str, str]) -> bool:
        now = self.clock()
        count, since = self._told.pop(what, (0, now))
        if now - since > QUIET_SECONDS:
            count, since = 0, now
        self._told[what] = (count + 1, since)
        while len(self._told) > MOST_KEPT:
            self._told.popitem(last=False)
        return count < AT_ONCE
