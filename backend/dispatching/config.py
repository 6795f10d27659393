"""What dispatching is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai.plans.asked import Bounds


@dataclass(frozen=True, slots=True)
class DispatchConfig:
    """Plain values. ``gateway_far``: its address for other machines; empty when it listens on loopback alone."""

    lines: Path
    secrets: Path
    scheduler: str
    gateway_near: str
    gateway_far: str = ""
    bounds: Bounds = field(default_factory=Bounds)
