"""What waits for what. Pure functions over ``name -> names it depends on``, in the order in which tickets came."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from cluster_ai.plans.types import DuplicateTicket, PlanCycle, UnknownDependency

Needs = Mapping[str, Sequence[str]]
_NAMED = 20
"""Names of a cycle that its sentence tells; one of a thousand would be no sentence."""


@dataclass(frozen=True, slots=True)
class Graph:
    """``order``: nothing stands before what it needs. ``levels``: length of the longest way from a beginning."""

    order: tuple[str, ...]
    levels: dict[str, int]
    needs: dict[str, tuple[str, ...]]
    feeds: dict[str, tuple[str, ...]]


def build(pairs: Iterable[tuple[str, Sequence[str]]]) -> Graph:
    """The graph of a plan.

    Raises:
        DuplicateTicket: two have the same name.
        UnknownDependency: one needs another that is not there.
        PlanCycle: they need each other in a circle; the message names it.
    """
    needs: dict[str, tuple[str, ...]] = {}
    for number, (name, wanted) in enumerate(pairs):
        if name in needs:
            raise DuplicateTicket(f"two tickets are called {name}", path=f"tickets.{number}.id")
        # Twice the same name is one edge.
        needs[name] = tuple(dict.fromkeys(wanted))
    _refuse_unknown(needs)
    order = _ordered(needs)
    return Graph(order, _levels(order, needs), needs, _feeds(needs))


def ready(needs: Needs, succeeded: Iterable[str]) -> tuple[str, ...]:
    """Names that have not succeeded and need nothing that has not."""
    done = set(succeeded)
    return tuple(name for name, wanted in needs.items() if name not in done and done.issuperset(wanted))


def reached(feeds: Needs, starts: Iterable[str]) -> set[str]:
    """Everything that follows from ``starts``, without them unless they follow from each other."""
    found: set[str] = set()
    waiting = deque(starts)
    while waiting:
        for name in feeds.get(waiting.popleft(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def critical_path(graph: Graph, durations: Mapping[str, int]) -> tuple[tuple[str, ...], int]:
    """The way whose durations (milliseconds) add up to the most, and that sum."""
    longest: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for name in graph.order:
        last = max(graph.needs[name], key=lambda need: longest[need], default=None)
        before[name] = last
        longest[name] = durations.get(name, 0) + (longest[last] if last is not None else 0)
    # Of equals the one with the most tickets, then the first: else a plan without estimates had no path at all.
    at: str | None = max(graph.order, key=lambda name: (longest[name], graph.levels[name]), default=None)
    total = longest[at] if at is not None else 0
    path: list[str] = []
    while at is not None:
        path.append(at)
        at = before[at]
    return tuple(reversed(path)), total


def _refuse_unknown(needs: Needs) -> None:
    for number, (name, wanted) in enumerate(needs.items()):
        for need in wanted:
            if need not in needs:
                raise UnknownDependency(
                    f"{name} depends on {need}, which the plan does not have", path=f"tickets.{number}.depends_on"
                )


def _ordered(needs: Needs) -> tuple[str, ...]:
    try:
        return tuple(TopologicalSorter(needs).static_order())
    except CycleError as exc:
        # What it names goes from need to needing; people read "a waits for b".
        circle = list(reversed(exc.args[1]))
        shown = circle if len(circle) <= _NAMED else [*circle[: _NAMED - 1], "...", circle[-1]]
        raise PlanCycle(
            f"tickets wait for each other: {' -> '.join(shown)}",
            path="tickets",
            hint="take one of these dependencies out",
        ) from exc


def _levels(order: Sequence[str], needs: Needs) -> dict[str, int]:
    levels: dict[str, int] = {}
    for name in order:
        levels[name] = max((levels[need] + 1 for need in needs[name]), default=0)
    return levels


def _feeds(needs: Needs) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {name: [] for name in needs}
    for name, wanted in needs.items():
        for need in wanted:
            found[need].append(name)
    return {name: tuple(names) for name, names in found.items()}
