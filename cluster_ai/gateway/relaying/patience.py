"""How long a node may be silent before its call is taken elsewhere. Pure; seconds."""

from typing import Final

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.nodes.lane import Lane
from cluster_ai.gateway.placing.place import Place
from cluster_ai.gateway.routing import Candidate
from cluster_ai.gateway.types import BreakerState, GatewaySettings, UpstreamState

HURRIED_SECONDS: Final = 3.0
"""A node that is known to answer at once, while another stands idle, is given up after this, at the least."""
SHORTEST_SILENCE: Final = 5.0
"""After which an answer that can be had elsewhere is given up, at the least."""
SILENCE_FACTOR: Final = 20.0
HELD_TOKENS: Final = 2048
"""A call of a tool may be so long; engines show nothing of it before all of it is written."""


def first_byte_seconds(call: Call, place: Place, settings: GatewaySettings, *, again: bool) -> float:
    """Until the first byte of a model that is in memory. ``again``: another node has failed the call."""
    longest = _usual(call, place, settings)
    if again or not _may_hurry(call, place):
        return longest
    # What its cache holds is only believed to be there: reckoned is with all of the prompt, and those beside it.
    tokens = call.chain.tokens * max(1, place.lane.inflight - place.lane.capacity.active)
    return min(longest, max(HURRIED_SECONDS, place.lane.learned.longest_ttft(tokens)))


def silence_of(call: Call, lane: Lane, *, most: float) -> float:
    """Between two records. Where another node can go on, one does not wait as long as ``most``."""
    gap = lane.learned.gap.high
    if gap is None or (call.stream and not call.may_resume):
        return most
    return min(most, max(SHORTEST_SILENCE, SILENCE_FACTOR * gap, _held_back(call, lane, most)))


def _usual(call: Call, place: Place, settings: GatewaySettings) -> float:
    if call.path.streams is None:
        # What is not streamed says nothing before it is done.
        return settings.load_seconds
    lane = place.lane
    unread = max(0, call.chain.tokens - place.choice.candidate.cached_tokens)
    expected = lane.learned.longest_ttft(unread) + _held_back(call, lane, settings.idle_seconds)
    side_by_side = lane.capacity.declared or lane.capacity.proven
    if lane.inflight > min(lane.capacity.active + 1, side_by_side):
        # More than were ever seen side by side, or others wait there, too: it may work on fewer at once than we think.
        expected += (lane.learned.hold.high or 0.0) * (lane.inflight - lane.capacity.active)
    return min(settings.load_seconds, max(settings.first_byte_seconds, expected))


def _held_back(call: Call, lane: Lane, most: float) -> float:
    if not call.fields.get("tools"):
        return 0.0
    rate = lane.learned.writes
    return min(most, HELD_TOKENS / rate) if rate else most


def _may_hurry(call: Call, place: Place) -> bool:
    """Its first bytes are known, nothing explains their absence but that it hangs, and an idle node stands by.

    To be wrong costs one cancelled call: the next node gets all the time there is.
    """
    lane, upstream = place.lane, place.upstream
    is_alone = upstream.inflight == lane.inflight and upstream.elsewhere == lane.elsewhere
    side_by_side = max(lane.capacity.declared or lane.capacity.proven, lane.capacity.active + 1)
    return (
        place.choice.candidate.resident
        and lane.learned.ttft.mean is not None
        and not call.fields.get("tools")
        and is_alone
        and lane.inflight + lane.elsewhere <= side_by_side
        and any(_is_idle(other.candidate) for other in place.choices if other is not place.choice)
    )


def _is_idle(candidate: Candidate) -> bool:
    is_well = candidate.state is UpstreamState.HEALTHY and candidate.breaker is BreakerState.CLOSED
    return is_well and candidate.resident and not candidate.is_full
