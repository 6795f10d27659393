"""What this process may take of the machine: the limits of its control groups, versions 1 and 2.

A limit stands in any group above ours; the least counts. Inside a container the path that ``/proc/self/cgroup`` tells
may be the host's while the mount begins at the container: groups that are not there are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cluster_ai.nodes.sensors.tree import Tree

ROOT: Final = "/sys/fs/cgroup"
NO_LIMIT: Final = 1 << 60
"""Version 1 writes the largest number of whole pages for none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """None where nobody set one. Bytes."""

    memory: int | None = None
    free: int | None = None
    """What may still be taken before the tightest of the limits."""
    processors: float | None = None


def limits(tree: Tree) -> Limits:
    paths = _paths(tree)
    memory = [found for group in _groups(tree, paths, "memory") if (found := _memory(tree, group))]
    processors = [quota for group in _groups(tree, paths, "cpu") if (quota := _processors(tree, group))]
    return Limits(
        memory=min((limit for limit, _ in memory), default=None),
        free=min((free for _, free in memory), default=None),
        processors=min(processors, default=None),
    )


def _paths(tree: Tree) -> dict[str, str]:
    """Our group by controller; that of version 2 under the empty name."""
    found: dict[str, str] = {}
    for line in (tree.text("/proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        found |= dict.fromkeys(names.split(","), path)
    return found


def _groups(tree: Tree, paths: dict[str, str], controller: str) -> Iterator[str]:
    """Folders of our group and of all above it."""
    if tree.exists(f"{ROOT}/cgroup.controllers"):
        base, path = ROOT, paths.get("", "/")
    else:
        base, path = f"{ROOT}/{controller}", paths.get(controller, "/")
    yield base
    for part in path.strip("/").split("/"):
        base = f"{base}/{part}"
        if part and part != ".." and tree.exists(base):
            yield base


def _memory(tree: Tree, group: str) -> tuple[int, int] | None:
    """Limit and what is left of it."""
    limit = tree.number(f"{group}/memory.max") or tree.number(f"{group}/memory.limit_in_bytes")
    if limit is None or not 0 < limit < NO_LIMIT:
        return None
    used = tree.number(f"{group}/memory.current") or tree.number(f"{group}/memory.usage_in_bytes") or 0
    # Pages of files that nobody has used lately are counted, and given up as soon as somebody wants memory.
    return limit, max(0, min(limit, limit - used + _idle_files(tree, group)))


def _idle_files(tree: Tree, group: str) -> int:
    facts = dict(line.split(" ", 1) for line in (tree.text(f"{group}/memory.stat") or "").splitlines() if " " in line)
    idle = facts.get("total_inactive_file", facts.get("inactive_file", "0"))
    return int(idle) if idle.isdecimal() else 0


def _processors(tree: Tree, group: str) -> float | None:
    quota, _, period = (tree.text(f"{group}/cpu.max") or "").partition(" ")
    if not quota:
        quota = tree.text(f"{group}/cpu.cfs_quota_us") or ""
        period = tree.text(f"{group}/cpu.cfs_period_us") or ""
    if not quota.isdecimal() or not period.isdecimal() or not int(period):
        return None
    return int(quota) / int(period)
