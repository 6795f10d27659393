"""What dispatching looks at: a ticket that could go, and the cluster as it stands at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.core.consent import Deed

SHORTEST: Final = 0.05
"""Seconds: what an attempt costs at least, however little it does."""
HERE: Final = ""
"""The node of the head's own workers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A ticket as far as its turn and its place depend on it. Times in Unix seconds, lengths in seconds."""

    id: str
    owner: str
    kind: str
    plan_id: str = ""
    since: float = 0.0
    """When it became ready."""
    rank: float = 0.35
    """Of risk and priority, which time does not change: from 0.175 to 0.7."""
    deadline: float | None = None
    """By its service level: the nearer, the more urgent; what misses it is counted, and done all the same."""
    sla: float = 0.0
    """What the ticket was given in all, from its making to that deadline; 0: it has none."""
    end: float | None = None
    """Of its plan: what is not done by then is cancelled."""
    seconds: float | None = None
    """How long it will take, as far as anybody said or saw."""
    capabilities: frozenset[str] = frozenset()
    resources: Mapping[str, float] = field(default_factory=dict)
    needs_gateway: bool = False
    near: frozenset[str] = frozenset()
    """Nodes on which lie what it reads of other tickets: it can only be done there."""
    approval: str = ""
    """``pending`` while somebody has to say yes; ``rejected`` after a no."""
    deed: Deed | None = None
    """What it would do, as freezes see it; None when none can hold it."""
    avoid: frozenset[str] = frozenset()
    """Workers that were lost with an attempt at it."""
    redoable: bool = False
    """Whether an attempt that was lost is simply done again."""

    @property
    def may_share(self) -> bool:
        """Whether it may go with others of its plan in one place, if they take little time."""
        return self.redoable and not (self.resources or self.approval or self.avoid or self.deed is not None)

    @property
    def cost(self) -> float:
        """What it takes of its owner's turn, in seconds of one slot."""
        return max(SHORTEST, self.seconds or SHORTEST)


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker that could take work. ``score``: the registry's of its machine, from 0 to 1."""

    name: str
    node: str = HERE
    slots: int = 1
    taken: int = 0
    """Places that are taken: attempts, begun or not, and batches."""
    score: float = 0.5
    load: float = 0.0
    """Of its machine, from 0 to 1."""
    capabilities: frozenset[str] = frozenset()
    """Labels and words of its machine and its own."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """What it has in all."""
    used: Mapping[str, float] = field(default_factory=dict)
    """What of that its attempts hold."""
    reaches_gateway: bool = True


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one owner may take. 0: as much as there is."""

    in_flight: int = 0
    seconds_a_day: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the rules may know, at ``now``."""

    now: float
    hands: tuple[Hand, ...] = ()
    in_flight: Mapping[str, int] = field(default_factory=dict)
    """By owner: attempts that are under way now."""
    holding: Mapping[str, int] = field(default_factory=dict)
    """By owner: places that they hold; a batch has one."""
    spent: Mapping[str, float] = field(default_factory=dict)
    """By owner: seconds of the last day."""
    waiting: frozenset[str] = frozenset()
    """Owners with something that could go now."""
    bounds: Bounds = Bounds()
    paused_kinds: frozenset[str] = frozenset()
    frozen: Mapping[str, str] = field(default_factory=dict)
    """By ticket: the reason of the freeze that forbids it."""
    places: int = 0
    """How many there are in all."""
