"""When a delivery is tried again, and when its endpoint is given up. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from cluster_ai.notify.types import Answer, DeliveryState

DELAYS: Final = (5.0, 30.0, 120.0, 600.0, 3600.0, 21_600.0)
"""Seconds before each further attempt; after the last of them a delivery is dead."""
JITTER: Final = 0.2
"""Each delay is drawn from so much below to so much above it: endpoints that failed together come back apart."""
LONGEST_WAIT: Final = 86_400.0
"""An endpoint that asks for more is asked again after this."""
GONE: Final = 410
ASKS_FOR_TIME: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery. ``at`` is when it is tried next; None when it has ended."""

    state: DeliveryState
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint. ``why_disabled`` is empty while it is enabled."""

    failing_since: float | None = None
    why_disabled: str = ""


def next_of(attempts: int, answer: Answer, *, now: float, draw: Callable[[], float]) -> Next:
    """What becomes of a delivery after its attempt number ``attempts`` (the first is 1).

    Args:
        attempts: how many there were, with this one.
        answer: how this one ended.
        now: Unix seconds.
        draw: a number of [0, 1).
    """
    if answer.good:
        return Next(DeliveryState.SENT)
    if answer.status == GONE or attempts > len(DELAYS):
        return Next(DeliveryState.DEAD)
    delay = DELAYS[attempts - 1] * (1 - JITTER + 2 * JITTER * draw())
    if answer.status in ASKS_FOR_TIME and answer.retry_after is not None:
        delay = max(delay, min(answer.retry_after, LONGEST_WAIT))
    return Next(DeliveryState.RETRYING, now + delay)


def health_of(before: Health, answer: Answer, *, now: float, patience: float) -> Health:
    """What is known of an endpoint after an attempt.

    Args:
        before: what was known.
        answer: how the attempt ended.
        now: Unix seconds.
        patience: seconds of nothing but failures after which it is disabled.
    """
    if answer.good:
        return Health()
    if answer.status == GONE:
        return Health(now if before.failing_since is None else before.failing_since, "gone")
    if before.failing_since is None:
        return Health(now)
    # A clock that was set back makes a failure that has not begun yet.
    since = min(before.failing_since, now)
    return Health(since, "failing" if now - since >= patience else "")


def retry_after_of(text: str, *, now: float) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110 section 10.2.3: seconds or a date); None when it is neither."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return max(0.0, at - now) if math.isfinite(at) else None
