"""Limits in windows of a minute and of a day, and the counters of one process. Pure.

Windows lie on the clock (a minute begins at :00, a day at midnight UTC), so that several processes mean the same one
and a correction that comes late finds the window that it belongs to.

Counted here and not by the ``limits`` library: its counters in memory start a task for each hit, which looks at every
counter there is (81 microseconds a hit with 1,000 keys, and a call has up to four), and its counters in Redis cannot
take several limits all or none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from cluster_ai.keys.types import LimitReached, Limits

MINUTE: Final = 60
DAY: Final = 86_400


Counted = Literal["rm", "rd", "tm", "td"]
"""Requests or tokens, in a minute or a day; also its name in a counter's key. Plain text: an enumeration's members cost
more than the counting."""


class Claim(NamedTuple):
    """``amount`` more, if ``limit`` holds, in a window of ``seconds``."""

    counted: Counted
    seconds: int
    amount: int
    limit: int

    @property
    def of_tokens(self) -> bool:
        return self.counted[0] == "t"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of claims. ``refused`` is the first that did not fit: then none was taken."""

    at: float
    """Unix seconds by the clock that the windows were counted with."""
    refused: Claim | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """What a call used more (or less) than was claimed for it at ``at``."""

    key_id: str
    claims: tuple[Claim, ...]
    at: float


def claims_of(limits: Limits, *, tokens: int) -> tuple[Claim, ...]:
    """What one call with an estimate of ``tokens`` claims; nothing where there is no limit."""
    found = []
    if limits.requests_per_minute:
        found.append(Claim("rm", MINUTE, 1, limits.requests_per_minute))
    if limits.requests_per_day:
        found.append(Claim("rd", DAY, 1, limits.requests_per_day))
    if limits.tokens_per_minute:
        found.append(Claim("tm", MINUTE, tokens, limits.tokens_per_minute))
    if limits.tokens_per_day:
        found.append(Claim("td", DAY, tokens, limits.tokens_per_day))
    return tuple(found)


def corrected(claims: Iterable[Claim], *, used: int) -> tuple[Claim, ...]:
    """The differences between the tokens claimed and those used; requests need none."""
    tokens = (claim for claim in claims if claim.of_tokens and claim.amount != used)
    return tuple(claim._replace(amount=used - claim.amount) for claim in tokens)


def reached(claim: Claim, *, at: float) -> LimitReached:
    """The refusal: which limit, and when it ends."""
    ends = (int(at) // claim.seconds + 1) * claim.seconds
    what = "tokens" if claim.of_tokens else "requests"
    window = "minute" if claim.seconds == MINUTE else "day"
    until = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if claim.amount > claim.limit:
        message = f"this call needs about {claim.amount} tokens, and its key may use {claim.limit} in a {window}"
        return LimitReached(message, hint="send less, or ask for a higher limit", retry_after=ends - at)
    message = f"this key may use {claim.limit} {what} in a {window} and has used them; the {window} ends at {until}"
    values = {"about": what, "limit": str(claim.limit), "until": until}
    return LimitReached(message, retry_after=ends - at, values=values)


@dataclass(slots=True)
class _Counter:
    used: int
    ends: int


@dataclass(slots=True)
class Counters:
    """The counters of this process."""

    _counters: dict[tuple[str, Counted, int], _Counter] = field(default_factory=dict)

    def take(self, key_id: str, claims: Sequence[Claim], *, now: float) -> Taken:
        """Takes all of ``claims`` or none."""
        found = [self._at(key_id, claim, now) for claim in claims]
        for claim, counter in zip(claims, found, strict=True):
            if counter.used + claim.amount > claim.limit:
                return Taken(now, claim)
        for claim, counter in zip(claims, found, strict=True):
            counter.used += claim.amount
        return Taken(now)

    def add(self, key_id: str, claims: Sequence[Claim], *, at: float) -> None:
        """Counts what was used, whatever the limit says. Amounts may be negative."""
        for claim in claims:
            counter = self._at(key_id, claim, at)
            counter.used = max(0, counter.used + claim.amount)

    def forget(self, *, now: float) -> None:
        """Drops the counters of windows that have ended."""
        for name in [name for name, counter in self._counters.items() if counter.ends <= now]:
            del self._counters[name]

    def _at(self, key_id: str, claim: Claim, at: float) -> _Counter:
        number = int(at) // claim.seconds
        name = (key_id, claim.counted, number)
        if (found := self._counters.get(name)) is None:
            found = self._counters[name] = _Counter(0, (number + 1) * claim.seconds)
        return found
