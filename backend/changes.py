"""What happened between two pictures. Pure."""

from collections.abc import Iterator

from cluster_ai.compute.types import ComputeView
from cluster_ai.eventlog.types import ClusterEvent
from cluster_ai.views import OverviewView

__all__ = ["ClusterEvent", "changes"]

TOLD = frozenset({"worker.lost", "worker.refused", "task.erred"})
"""Of the scheduler's notices; that a worker came or went is told by its state."""


def changes(before: OverviewView, after: OverviewView) -> Iterator[ClusterEvent]:
    """Everything that differs and that somebody may want to know."""
    yield from _compared("node.state", _nodes(before), _nodes(after), at=after.at)
    yield from _compared("part.state", _parts(before), _parts(after), at=after.at)
    yield from _compared("worker.state", _workers(before), _workers(after), at=after.at)
    yield from _compared("model.nodes", _models(before), _models(after), at=after.at)
    yield from _compared("problem", _problems(before), _problems(after), at=after.at)
    yield from _noticed(before.compute, after.compute)


def _compared(kind: str, old: dict[str, str], new: dict[str, str], *, at: float) -> Iterator[ClusterEvent]:
    for subject in sorted(old.keys() | new.keys()):
        was, now = old.get(subject, ""), new.get(subject, "")
        if was != now:
            yield ClusterEvent(at=at, kind=kind, subject=subject, before=was, after=now)


def _nodes(picture: OverviewView) -> dict[str, str]:
    return {node.name: node.state.value for node in picture.nodes}


def _parts(picture: OverviewView) -> dict[str, str]:
    return {part.name: part.state.value for part in picture.system.parts}


def _workers(picture: OverviewView) -> dict[str, str]:
    return {worker.name: "connected" for worker in picture.compute.workers}


def _models(picture: OverviewView) -> dict[str, str]:
    return {model.name: ",".join(model.nodes) for model in picture.models}


def _problems(picture: OverviewView) -> dict[str, str]:
    return {text.partition(": ")[0]: "open" for text in picture.system.problems}


def _noticed(before: ComputeView, after: ComputeView) -> Iterator[ClusterEvent]:
    """What the scheduler noted since. It numbers its notices; another one begins anew."""
    same = before.started_at == after.started_at
    seen = max((notice.number for notice in before.notices), default=0) if same else 0
    # Without a picture of it before, all that it says may be old.
    if not before.started_at:
        return
    for notice in after.notices:
        if notice.number > seen and notice.kind in TOLD:
            after_text = f"{notice.count}: {notice.detail}" if notice.count > 1 else notice.detail
            yield ClusterEvent(at=notice.at, kind=notice.kind, subject=notice.subject, after=after_text)
