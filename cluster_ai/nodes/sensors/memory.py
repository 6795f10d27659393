"""Memory of the machine, or of the container that this runs in. Bytes."""

from dataclasses import dataclass
from typing import Final

from cluster_ai.nodes.sensors import plausible
from cluster_ai.nodes.sensors.cgroups import Limits
from cluster_ai.nodes.sensors.tree import Tree

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    total: int = 0
    free: int = 0
    """What a new program could take without swapping."""
    swap_used: int = 0

    @property
    def used(self) -> int:
        return max(0, self.total - self.free)


def memory(tree: Tree, limits: Limits) -> Memory:
    """As ``/proc/meminfo`` tells it, cut to ``limits``."""
    facts = _facts(tree.text("/proc/meminfo") or "")
    total = facts.get("MemTotal", 0)
    # Kernels before 3.14 do not say what is available.
    free = facts.get("MemAvailable", facts.get("MemFree", 0) + facts.get("Cached", 0))
    if limits.memory is not None and limits.memory < total:
        total = limits.memory
    free = min(free, total, total if limits.free is None else limits.free)
    return Memory(total, free, max(0, facts.get("SwapTotal", 0) - facts.get("SwapFree", 0)))


def _facts(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdecimal():
            found[name] = plausible.size(int(number[0]) * KIB) or 0
    return found
