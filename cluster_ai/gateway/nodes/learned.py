"""What was measured of one model on one node, and what to expect from it. Pure; seconds and tokens."""

from dataclasses import dataclass, field
from typing import Final

SMOOTHING: Final = 0.3
"""Weight of the newest measurement."""
DEVIATIONS: Final = 4.0
"""Mean and so many mean deviations cover nearly every honest value (as TCP's timer does: RFC 6298)."""
ENOUGH_TOKENS: Final = 16
ENOUGH_SECONDS: Final = 0.001
"""A rate from less says more about the clock, or the node's cache, than about the node."""
SLOWEST_PREFILL: Final = 20.0
"""Prompt tokens per second assumed for deadlines where nothing was measured: a small computer without a GPU."""
LOAD_FLOOR: Final = 1.0
LOAD_BYTES_PER_SECOND: Final = 400e6
"""From a disk of a home machine; used until a load was measured."""
PATIENCE: Final = 3.0
"""A first byte may take so many times what was expected."""
USUAL_PROMPT: Final = 300
"""Tokens of a prompt that no cache has: a turn of a conversation."""
USUAL_START: Final = 20
"""Tokens of an answer after which one can read along."""
FADE_SECONDS: Final = 30.0
"""After so long a failure counts half."""


@dataclass(slots=True)
class Smooth:
    """A mean that follows, and how far values stray from it."""

    mean: float | None = None
    deviation: float = 0.0

    def add(self, value: float) -> None:
        if self.mean is None:
            self.mean, self.deviation = value, value / 2
            return
        self.deviation += SMOOTHING * (abs(value - self.mean) - self.deviation)
        self.mean += SMOOTHING * (value - self.mean)

    @property
    def high(self) -> float | None:
        """Hardly ever exceeded."""
        return None if self.mean is None else self.mean + DEVIATIONS * self.deviation


@dataclass(slots=True)
class Pace:
    """How fast a node is with any model, in bytes of weights a second: tokens a second fall as a model grows."""

    prefill: Smooth = field(default_factory=Smooth)
    decode: Smooth = field(default_factory=Smooth)
    load: Smooth = field(default_factory=Smooth)

    def load_seconds(self, size: int) -> float:
        """For a model of that many bytes."""
        return LOAD_FLOOR + size / (self.load.mean or LOAD_BYTES_PER_SECOND)


@dataclass(slots=True)
class Learned:
    """Of one model of ``size`` bytes on one node, fed by every answer. ``pace``: what all models there share."""

    pace: Pace = field(default_factory=Pace)
    size: int = 0

    ttft: Smooth = field(default_factory=Smooth)
    """To the first byte, without loading."""
    start: Smooth = field(default_factory=Smooth)
    """The same without reading the prompt."""
    prefill: Smooth = field(default_factory=Smooth)
    decode: Smooth = field(default_factory=Smooth)
    gap: Smooth = field(default_factory=Smooth)
    hold: Smooth = field(default_factory=Smooth)
    load: Smooth = field(default_factory=Smooth)
    _trouble: float = 0.0
    _trouble_at: float = 0.0

    def read_prompt(self, tokens: int, seconds: float) -> None:
        if tokens >= ENOUGH_TOKENS and seconds >= ENOUGH_SECONDS:
            self.prefill.add(tokens / seconds)
            self.pace.prefill.add(tokens / seconds * self.size)

    def wrote(self, tokens: int, seconds: float) -> None:
        if tokens >= ENOUGH_TOKENS and seconds >= ENOUGH_SECONDS:
            self.decode.add(tokens / seconds)
            self.pace.decode.add(tokens / seconds * self.size)

    def was_loaded(self, seconds: float) -> None:
        self.load.add(seconds)
        if seconds > LOAD_FLOOR:
            self.pace.load.add(self.size / (seconds - LOAD_FLOOR))

    @property
    def reads(self) -> float | None:
        """Prompt tokens a second: measured, or as its other models let expect; None: nothing was measured."""
        return self.prefill.mean or self._as_others(self.pace.prefill)

    @property
    def writes(self) -> float | None:
        """The same of the tokens of an answer."""
        return self.decode.mean or self._as_others(self.pace.decode)

    @property
    def usual_call(self) -> float:
        """Seconds to the first words of a usual call; 0 where nothing was measured."""
        reading = USUAL_PROMPT / self.reads if self.reads else 0.0
        return reading + (USUAL_START / self.writes if self.writes else 0.0)

    def _as_others(self, pace: Smooth) -> float | None:
        return pace.mean / self.size if pace.mean and self.size else None

    def went(self, *, well: bool, now: float) -> None:
        """The end of a call: failures raise ``trouble``, successes and time lower it."""
        faded = self.trouble(now)
        self._trouble, self._trouble_at = faded + SMOOTHING * (float(not well) - faded), now

    def forgive(self) -> None:
        """What failed has nothing to do with how it is now."""
        self._trouble = 0.0

    def trouble(self, now: float) -> float:
        """Share of recent calls that failed, in [0, 1]."""
        if self._trouble == 0.0:
            return 0.0
        faded: float = self._trouble * 0.5 ** ((now - self._trouble_at) / FADE_SECONDS)
        return faded if faded > 0.001 else 0.0  # noqa: PLR2004 - nobody would see it

    @property
    def load_seconds(self) -> float:
        """Measured, or estimated from the model's size."""
        return self.pace.load_seconds(self.size) if self.load.mean is None else self.load.mean

    def began(self, unread_tokens: int, seconds: float) -> None:
        """A first byte that did not have to wait for a place."""
        self.ttft.add(seconds)
        if self.reads:
            self.start.add(max(0.0, seconds - unread_tokens / self.reads))

    def usual_ttft(self, unread_tokens: int) -> float:
        """Seconds until the first byte as they most often are; generous where unknown."""
        if self.reads is None:
            return self.expected_ttft(unread_tokens)
        return unread_tokens / self.reads + (self.start.mean or 0.0)

    def expected_ttft(self, unread_tokens: int) -> float:
        """Seconds until the first byte when a slot is free and the model in memory; generous where unknown."""
        reading = unread_tokens / (self.prefill.mean or SLOWEST_PREFILL)
        return max(reading, self.ttft.high or 0.0)

    def longest_ttft(self, unread_tokens: int) -> float:
        """After so many seconds without a byte something is wrong."""
        expected = self.expected_ttft(unread_tokens)
        return expected if self.ttft.mean is None else PATIENCE * expected
