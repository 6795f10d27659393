"""Who is there: the last heartbeat of each machine, in memory. Rebuilt within a second from what machines send.

``now`` is monotonic seconds of the head: no clock of another machine, and no jump of ours, decides who is alive.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from cluster_ai.nodes.errors import LateHeartbeat
from cluster_ai.nodes.types import Heartbeat


class MachineState(StrEnum):
    """How a machine is heard."""

    NEVER = "never"
    """It has joined, and was not heard of since the head started."""
    HEALTHY = "healthy"
    SUSPECT = "suspect"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which a machine is doubted, and given up."""

    suspect: float = 3.0
    dead: float = 5.0


@dataclass(slots=True)
class Presence:
    """One machine as it was last heard. ``skew``: seconds that its clock is ahead of the head's."""

    beat: Heartbeat
    heard_at: float
    skew: float = 0.0
    reachable: bool | None = None
    """Whether the head could open the machine's own door; None before it tried."""
    unreachable_because: str = ""
    best: str = ""
    """The address at which it could; empty before."""

    def state(self, now: float, patience: Patience) -> MachineState:
        silence = now - self.heard_at
        if silence < patience.suspect:
            return MachineState.HEALTHY
        return MachineState.SUSPECT if silence < patience.dead else MachineState.AWAY


@dataclass(slots=True)
class Roll:
    """All of them, by id."""

    patience: Patience = field(default_factory=Patience)
    _present: dict[str, Presence] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self._present)

    def get(self, machine_id: str) -> Presence | None:
        return self._present.get(machine_id)

    def state(self, machine_id: str, now: float) -> MachineState:
        present = self._present.get(machine_id)
        return MachineState.NEVER if present is None else present.state(now, self.patience)

    def heard(self, beat: Heartbeat, *, now: float, wall: float) -> Presence:
        """Takes a heartbeat in. ``wall`` is the head's Unix time.

        Raises:
            LateHeartbeat: a newer one of the same life of that machine was heard before.
        """
        known = self._present.get(beat.node_id)
        if known is None:
            known = self._present[beat.node_id] = Presence(beat, now)
        elif known.beat.boot_id == beat.boot_id and beat.number <= known.beat.number:
            raise LateHeartbeat("a newer heartbeat of this machine was heard before")
        known.beat, known.heard_at, known.skew = _with_inventory(beat, known.beat), now, beat.sent_at - wall
        return known

    def forget(self, machine_id: str) -> None:
        self._present.pop(machine_id, None)


def _with_inventory(beat: Heartbeat, before: Heartbeat) -> Heartbeat:
    if beat.inventory is not None or before.inventory is None:
        return beat
    return beat.model_copy(update={"inventory": before.inventory})
