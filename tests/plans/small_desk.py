"""A desk for attempts that holds what it is given, for tests of who hands them in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster_ai.compute.tickets.transport import SchedulerAway
from cluster_ai.compute.tickets.words import Errand, Hold, Sight, Taken


@dataclass
class SmallDesk:
    workers: dict[str, Hold] = field(default_factory=dict)
    held: dict[str, Errand] = field(default_factory=dict)
    taken: list[Errand] = field(default_factory=list)
    cancelled: list[tuple[str, int, str]] = field(default_factory=list)
    away: bool = False
    life: str = "one"

    def has(self, name: str, *, threads: int = 1, life: str = "a", **resources: float) -> None:
        self.workers[name] = Hold(name=name, life=life, threads=threads, resources=resources)

    def restart(self) -> None:
        """As a scheduler that was killed: it knows nothing, and its workers come back as they were."""
        self.life += "+"
        self.held.clear()

    async def submit(self, errands: Sequence[Errand]) -> Taken:
        self._refuse()
        refused = {one.key: "not here" for one in errands if one.worker not in self.workers}
        for one in errands:
            if one.key not in refused and one.key not in self.held:
                self.held[one.key] = one
                self.taken.append(one)
        return Taken(life=self.life, refused=refused)

    async def cancel(self, ticket_id: str, attempt: int, worker: str) -> bool:
        self._refuse()
        self.cancelled.append((ticket_id, attempt, worker))
        return True

    async def look(self) -> Sight:
        self._refuse()
        return Sight(life=self.life, workers=tuple(self.workers.values()), held=frozenset(self.held))

    def _refuse(self) -> None:
        if self.away:
            raise SchedulerAway("away")
