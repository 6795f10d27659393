"""The life of one node's part in a pull, and what that makes of the whole. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cluster_ai.catalog.types import LayerProgress, PullState, Source
from cluster_ai.core.errors import ClusterError

S = PullState


class IllegalStep(ClusterError):
    """An event that cannot happen in this state of a pull: a mistake of ours."""

    code = "illegal_transition"


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one node's part."""

    pull_id: str
    node: str
    state: PullState = S.QUEUED
    status: str = ""
    source: Source = ""
    from_node: str = ""
    error: str = ""
    code: str = ""
    layers: tuple[LayerProgress, ...] = ()
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    source: Source
    from_node: str = ""


@dataclass(frozen=True, slots=True)
class Progressed:
    status: str
    layer: LayerProgress | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    status: str = ""


@dataclass(frozen=True, slots=True)
class Broke:
    """It ended without the model. ``code`` is that of the error."""

    error: str
    code: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Nobody works at it any more: the process that did has ended."""


@dataclass(frozen=True, slots=True)
class Paused:
    pass


@dataclass(frozen=True, slots=True)
class Resumed:
    """Also of what failed: it is tried again, from where it was."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    pass


@dataclass(frozen=True, slots=True)
class Noted:
    """What stays of it, or was removed, after it was cancelled."""

    status: str


Event = Started | Progressed | Finished | Broke | Interrupted | Paused | Resumed | Cancelled | Noted


def apply(part: Part, event: Event) -> Part:
    """The part after ``event``.

    Raises:
        IllegalStep: that cannot happen to it now.
    """
    match part.state, event:
        case ((S.QUEUED | S.RUNNING), Started(source=source, from_node=node)):
            # Also of one that runs: where a copy fails, the same attempt goes on from elsewhere.
            attempts = part.attempts + (part.state is S.QUEUED)
            changed = _become(part, S.RUNNING, source=source, from_node=node, attempts=attempts, status="")
        case S.RUNNING, Progressed(status=status, layer=layer):
            changed = replace(part, status=status or part.status, layers=_with(part.layers, layer))
        case ((S.QUEUED | S.RUNNING), Finished(status=status)):
            layers = tuple(layer.model_copy(update={"completed": layer.total}) for layer in part.layers)
            changed = _become(part, S.DONE, status=status, layers=layers)
        case ((S.QUEUED | S.RUNNING), Broke(error=error, code=code)):
            changed = _become(part, S.FAILED, error=error, code=code)
        case S.RUNNING, Interrupted():
            changed = _become(part, S.QUEUED)
        case ((S.QUEUED | S.RUNNING), Paused()):
            changed = _become(part, S.PAUSED)
        case ((S.PAUSED | S.FAILED | S.CANCELLED), Resumed()):
            changed = _become(part, S.QUEUED, error="", code="", status="")
        case ((S.QUEUED | S.RUNNING | S.PAUSED | S.FAILED), Cancelled()):
            changed = _become(part, S.CANCELLED, status="")
        case S.CANCELLED, Noted(status=status):
            changed = replace(part, status=status)
        case _:
            raise IllegalStep(f"{type(event).__name__} cannot happen to a pull that is {part.state} at {part.node}")
    return changed


def can(part: Part, event: Event) -> bool:
    """Whether ``event`` means anything to the part now."""
    try:
        apply(part, event)
    except IllegalStep:
        return False
    return True


_ORDER: Final = (S.RUNNING, S.QUEUED, S.PAUSED, S.FAILED, S.CANCELLED)


def state_of(parts: Iterable[Part]) -> PullState:
    """Of the whole: what still moves counts before what has ended, and what went wrong before what went well."""
    states = {part.state for part in parts}
    return next((state for state in _ORDER if state in states), S.DONE)


def _become(part: Part, state: PullState, **changes: object) -> Part:
    return replace(part, state=state, **changes)  # type: ignore[arg-type]


def _with(layers: tuple[LayerProgress, ...], one: LayerProgress | None) -> tuple[LayerProgress, ...]:
    if one is None:
        return layers
    known = {layer.digest: layer for layer in layers}
    known[one.digest] = one
    return tuple(known.values())
