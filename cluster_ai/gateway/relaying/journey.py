"""One call's way through the nodes: where it was tried, what it has told its client, and what became of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.records import Record
from cluster_ai.gateway.dialects.telling import Seam, Told
from cluster_ai.gateway.dialects.usage import Usage
from cluster_ai.gateway.nodes.reasons import TryNext
from cluster_ai.gateway.placing.place import NEVER, Place
from cluster_ai.gateway.relaying.trial import Trial
from cluster_ai.gateway.served import Attempt, Outcome, Served

MOST_GAPS: Final = 64


@dataclass(slots=True)
class Journey:
    """Seconds are monotonic, except in ``served``."""

    call: Call
    model: str
    """What the call's name stands for."""
    served: Served
    clock: Callable[[], float]
    began: float
    trial: Trial | None = None
    """The last that a node answered."""
    avoid: dict[str, float] = field(default_factory=dict)
    told: Told = field(init=False)
    usage: Usage = field(default_factory=Usage)
    refused: TryNext | None = None
    """The last node's refusal, with what it said."""
    woken: str = ""
    """Machines that were called for it, because they alone have the model."""
    waits_since: float = field(init=False)
    """From when its wait for a place counts: from its arrival, or from the break of an answer that is to go on."""
    _try_began: float = 0.0
    _heard: float = 0.0
    _before: float = 0.0
    """Seconds of the last try before the node got the call: it waited for its place, and for the model."""

    def __post_init__(self) -> None:
        self.told = Told(self.call.path)
        self.waits_since = self.began

    def begin_anew(self) -> None:
        """What was heard so far is forgotten: another node tells it all."""
        self.told, self.usage = Told(self.call.path), Usage()

    def tries_now(self) -> None:
        self._try_began, self._before = self.clock(), 0.0

    def passed_on(self, place: Place, refused: TryNext) -> None:
        """The node gave no answer; another may."""
        if refused.is_taken:
            # Nothing was sent: that is no try.
            self.avoid.setdefault(place.upstream.name, NEVER)
            return
        # Where it was raised holds this journey.
        self.refused = refused.with_traceback(None)
        self.failed(place, str(refused), was_busy=refused.is_busy)

    def failed(self, place: Place, reason: str, *, was_busy: bool = False) -> None:
        """The node gave no answer, or broke off. One that ``was_busy`` may be asked again after its pause."""
        now, name = self.clock(), place.upstream.name
        self.avoid[name] = NEVER if was_busy else now
        self.served.tried[name] = reason
        self._attempted(name, now, reason)

    def answered(self, place: Place, load_seconds: float) -> None:
        """A node's first record is here."""
        served, now = self.served, self.clock()
        served.node, served.answered_by, served.why = place.upstream.name, place.model.name, place.choice.why
        if self.woken:
            served.why = f"woken, {served.why}"
        served.load_seconds += load_seconds
        if served.ttft_seconds is None:
            served.ttft_seconds = now - self.began
            served.queue_seconds = place.waited
        self._before = place.waited + load_seconds
        served.attempts = len(served.tried) + 1
        self._heard = now

    def hear(self, batch: list[Record], seam: Seam | None) -> bytes:
        """What the client gets of some records, in bytes."""
        told, usage = self.told, self.usage
        before = told.tokens
        if seam is not None:
            batch = [mended for record in batch if (mended := seam.mend(record))]
        for record in batch:
            told.add(record)
            usage.hear(record)
        if len(self.served.gaps) < MOST_GAPS:
            self._note_gaps(told.tokens - before, is_first=before == 0)
        return batch[0].raw if len(batch) == 1 else b"".join([record.raw for record in batch])

    def _note_gaps(self, tokens: int, *, is_first: bool) -> None:
        """Tokens that came together share the time since the ones before; before the first of all there is no gap."""
        now = self.clock()
        gaps, known = tokens - is_first, self.served.gaps
        if gaps > 0:
            known += [(now - self._heard) / gaps] * min(gaps, MOST_GAPS - len(known))
        self._heard = now

    def ended(self, place: Place) -> None:
        """The answer is whole: what it cost teaches what to expect."""
        now, learned = self.clock(), place.lane.learned
        self._attempted(place.upstream.name, now, "")
        if not self.call.chain.links:
            # A wish to load or to unload is no work.
            return
        usage, cached = self.usage, place.choice.candidate.cached_tokens
        if cached * 10 < self.call.chain.tokens:
            # A prompt that the cache held in part says nothing about reading.
            learned.read_prompt(usage.prompt_tokens, usage.prompt_seconds)
        writing = usage.output_seconds or (now - self.began - (self.served.ttft_seconds or 0.0))
        written = usage.output_tokens or self.told.tokens
        learned.wrote(written, writing)
        place.upstream.demand.answered(self.model, self.call.priority, written)
        learned.hold.add(now - self._try_began - self._before)
        for gap in self.served.gaps:
            learned.gap.add(gap)

    def close(self, now: float) -> Served:
        self.served.total_seconds = now - self.began
        self.served.prompt_tokens = self.usage.prompt_tokens
        self.served.output_tokens = self.usage.output_tokens or self.told.tokens
        return self.served

    def _attempted(self, name: str, now: float, reason: str) -> None:
        self.served.timeline.append(Attempt(name, self._try_began - self.began, now - self.began, reason))


def served_of(call: Call) -> Served:
    """The record of a call that begins; as long as nobody writes otherwise its client has left."""
    sender = call.sender
    return Served(
        request_id=sender.request_id,
        key_id=sender.caller.key_id,
        caller=sender.caller.name,
        model=call.model,
        path=call.came_to or call.path.path,
        stream=call.stream,
        priority=call.priority,
        at=time.time(),
        outcome=Outcome.CANCELLED,
        traceparent=sender.traceparent,
        passed_context=sender.headers.get("traceparent", ""),
    )
