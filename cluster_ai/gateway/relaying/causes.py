"""Why a call has no answer, in words for its caller."""

from typing import Final

from cluster_ai.core.errors import ClusterError, NotFound, Unavailable
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.served import Outcome, Served
from cluster_ai.gateway.types import GatewaySettings
from cluster_ai.keys.rights import may_use

_LISTED: Final = 8
_NOT_FOUND: Final = 404
_UNAVAILABLE: Final = 503


class UnknownModel(NotFound):
    """No node of this cluster has the model."""

    code = "model_not_found"


class NoNode(Unavailable):
    """No node that has the model can be asked now."""

    code = "no_node"


def nowhere(journey: Journey, pool: Pool, settings: GatewaySettings) -> ClusterError:
    """There is no node to ask (any more)."""
    if journey.served.tried:
        return no_answer(journey)
    model, pause = journey.model, settings.probe_seconds
    if down := pool.down_with(model):
        causes = "; ".join(f"{upstream.name}: {upstream.error}" for upstream in down)
        if journey.woken:
            said = f"{journey.woken} sleeps, alone has {model}, and was called; it has not woken yet"
            return NoNode(said, hint="try again in a minute", retry_after=30.0)
        return NoNode(f"every node that has {model} is down: {causes}", retry_after=pause)
    if not pool.is_any_up():
        causes = "; ".join(f"{upstream.name}: {upstream.error or 'not asked yet'}" for upstream in pool.all())
        return NoNode(f"no node is up ({causes or 'none is configured'})", retry_after=pause)
    if pool.serving(model):
        return _pinned(journey, pool, retry_after=pause)
    known = [name for name in (*pool.models(), *pool.aliases()) if may_use(journey.call.sender.caller, name)]
    listed = ", ".join(known[:_LISTED]) + (f" and {len(known) - _LISTED} more" if len(known) > _LISTED else "")
    values = {"about": "named", "name": model, "known": listed or "-"}
    return UnknownModel(f"model '{model}' not found; this cluster has: {listed or 'none'}", values=values)


def _pinned(journey: Journey, pool: Pool, *, retry_after: float) -> ClusterError:
    """Nodes have the model, but none of those that the caller asks for."""
    model, pins = journey.model, journey.call.sender.pins
    wanted = ", ".join(sorted(pins))
    named = [upstream for upstream in pool.all() if upstream.is_meant_by(pins)]
    if not named:
        there = ", ".join(upstream.name for upstream in pool.all())
        values = {"about": "node", "name": wanted}
        return NotFound(f"no node is called or labelled {wanted}; there are: {there}", values=values)
    having = [upstream for upstream in named if upstream.model(model)]
    if not having:
        values = {"about": "there", "name": model, "node": wanted}
        return UnknownModel(f"model '{model}' not found at {wanted}", hint=f"pull it to {wanted}", values=values)
    states = ", ".join(f"{row.name} is {'drained' if row.orders.drain else row.state}" for row in having)
    return NoNode(f"no node called or labelled {wanted} takes calls: {states}", retry_after=retry_after)


def no_answer(journey: Journey) -> NoNode:
    """Every node that was asked failed."""
    story = "; ".join(f"{name}: {reason}" for name, reason in journey.served.tried.items())
    return NoNode(f"no node could answer: {story}", hint="./manager.sh logs gateway")


def judge(served: Served, exc: BaseException) -> None:
    """Writes down what ended a call."""
    if isinstance(exc, ClusterError):
        served.outcome, served.code = Outcome.REFUSED, exc.code
        served.status = _NOT_FOUND if isinstance(exc, NotFound) else _UNAVAILABLE
    elif isinstance(exc, Exception):
        served.outcome, served.code = Outcome.BROKEN, "upstream_lost"
    else:
        # Only the client's leaving, or our own stop, ends a call like this.
        served.outcome = Outcome.CANCELLED
