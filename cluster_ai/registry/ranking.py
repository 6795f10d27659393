"""Which instance first: 0.4 health + 0.3 trail + 0.3 telemetry. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cluster_ai.registry.detector import Pulse
from cluster_ai.registry.trails import Trail, strength
from cluster_ai.registry.types import Score, State, Telemetry, Workload

HEALTH: Final = 0.4
TRAIL: Final = 0.3
TELEMETRY: Final = 0.3
SLOW_SECONDS: Final = 1.0
"""A latency that halves what an instance gets for its telemetry."""
UNTOLD: Final = 0.25
"""What a figure is worth that a workload leans on and an instance does not tell: neither the best nor the worst."""
_WORTH: Final = {State.HEALTHY: 1.0, State.DEGRADED: 0.5, State.UNREACHABLE: 0.0}
_ROUGH: Final = 9
"""Digits that count: two instances must not differ by how their figures were added up."""


@dataclass(frozen=True, slots=True)
class Lean:
    """How much a workload leans on each figure: the power to which it is raised. 0: it does not count."""

    quick: float = 0.0
    load: float = 0.0
    vram: float = 0.0
    memory: float = 0.0


LEANS: Final[Mapping[Workload, Lean]] = MappingProxyType(
    {
        # An answer waits for the processor and for the latency; a model that is not loaded yet needs room.
        Workload.INFERENCE: Lean(quick=1.0, load=1.0, vram=0.5),
        # It runs for long: latency is nothing, room on the GPU all.
        Workload.TRAINING: Lean(load=1.0, vram=2.0, memory=0.5),
        Workload.MEMORY: Lean(quick=0.5, memory=2.0),
        # One step waits for the other, so that latencies add up.
        Workload.AGENTS: Lean(quick=2.0, load=1.0, memory=0.5),
    }
)
Order = tuple[float, float, str]
"""What instances are sorted by: the better score, then the lower load, then the id. So ties are stable."""


def health(pulse: Pulse) -> float:
    """Its state, less the share of beats that came late: of two healthy ones the steady one is the healthier."""
    return _WORTH[pulse.state] * (1.0 - pulse.late)


def telemetry(told: Telemetry) -> float:
    """The share of calls that succeed x how quick they are x the room that is left; 1 for what it does not tell."""
    success = 1.0 if told.success is None else told.success
    return success * _quick(told, untold=1.0) * (1.0 - (told.load or 0.0))


def telemetry_for(told: Telemetry, workload: Workload) -> float:
    """The same for a workload: success x each figure that counts for it, to the power by which it counts."""
    lean = LEANS[workload]
    success = 1.0 if told.success is None else told.success
    rooms = _room(told.load) ** lean.load * _room(told.vram) ** lean.vram * _room(told.memory) ** lean.memory
    return float(success * _quick(told, untold=UNTOLD) ** lean.quick * rooms)


def _quick(told: Telemetry, *, untold: float) -> float:
    return untold if told.p95_seconds is None else 1.0 / (1.0 + told.p95_seconds / SLOW_SECONDS)


def _room(used: float | None) -> float:
    return UNTOLD if used is None else 1.0 - used


def score(pulse: Pulse, trail: Trail, told: Telemetry, now: float, *, workload: Workload | None = None) -> Score:
    """All parts and their sum."""
    figures = telemetry(told) if workload is None else telemetry_for(told, workload)
    parts = health(pulse), strength(trail, now), figures
    total = HEALTH * parts[0] + TRAIL * parts[1] + TELEMETRY * parts[2]
    return Score(health=parts[0], trail=parts[1], telemetry=parts[2], total=round(total, _ROUGH))


def total(pulse: Pulse, trail: Trail, told: Telemetry, now: float) -> float:
    """``score(...).total`` alone: it is computed with every beat."""
    summed = HEALTH * health(pulse) + TRAIL * strength(trail, now) + TELEMETRY * telemetry(told)
    return round(summed, _ROUGH)


def order(total: float, told: Telemetry, id: str) -> Order:  # noqa: A002 - as everywhere in this room
    """Smaller is better."""
    return (-total, told.load or 0.0, id)
