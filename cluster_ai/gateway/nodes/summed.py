"""Several gateway processes seen as one. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from cluster_ai.gateway.types import BreakerState, GatewayView, Totals, UpstreamState, UpstreamView

_BEST_FIRST: Final = (UpstreamState.HEALTHY, UpstreamState.SUSPECT, UpstreamState.UNKNOWN, UpstreamState.DOWN)
_WORST_FIRST: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)


def summed(views: Sequence[GatewayView]) -> GatewayView:
    """What all of them did together; at least one is needed.

    ``started_at`` is the youngest's: with every process that begins again at zero, the sums may be smaller than before.
    """
    first, *others = views
    if not others:
        return first
    waiting: Counter[str] = Counter()
    for view in views:
        waiting.update(view.waiting)
    decisions = sorted((one for view in views for one in view.decisions), key=lambda one: -one.age_seconds)
    return first.model_copy(
        update={
            "started_at": max(view.started_at for view in views),
            "inflight": sum(view.inflight for view in views),
            "waiting": dict(waiting),
            "totals": _totals(view.totals for view in views),
            "upstreams": _upstreams(row for view in views for row in view.upstreams),
            "decisions": tuple(decisions),
        }
    )


def _totals(rows: Iterable[Totals]) -> Totals:
    sums: Counter[str] = Counter()
    for row in rows:
        sums.update(row.model_dump())
    return Totals(**sums)


def _upstreams(rows: Iterable[UpstreamView]) -> tuple[UpstreamView, ...]:
    by_name: dict[str, list[UpstreamView]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    return tuple(_upstream(same) for same in by_name.values())


def _upstream(rows: list[UpstreamView]) -> UpstreamView:
    """One node as all see it: well when one of them finds it well, left alone when one of them leaves it alone."""
    best = min(rows, key=lambda row: (_BEST_FIRST.index(row.state), row.last_seen_seconds or 0.0))
    return best.model_copy(
        update={
            "breaker": min((row.breaker for row in rows), key=_WORST_FIRST.index),
            "inflight": sum(row.inflight for row in rows),
            "served": sum(row.served for row in rows),
            "failed": sum(row.failed for row in rows),
            "ttft_seconds": _weighted([(row.ttft_seconds, row.served) for row in rows]),
            "tokens_per_second": _weighted([(row.tokens_per_second, row.served) for row in rows]),
        }
    )


def _weighted(pairs: list[tuple[float | None, int]]) -> float | None:
    """The mean of what was measured, each by the answers that it stands for."""
    known = [(value, max(1, weight)) for value, weight in pairs if value is not None]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
