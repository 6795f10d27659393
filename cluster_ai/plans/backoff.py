"""How long a ticket waits for its next attempt: exponential with full jitter (AWS Architecture Blog, 2015). Pure."""

from random import Random
from typing import Final

FIRST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 300.0
MOST_ASKED_SECONDS: Final = 3600.0
_MOST_DOUBLINGS: Final = 20


def delay(tries: int, rng: Random) -> float:
    """Seconds before the attempt that follows ``tries`` failed ones: anything from 0 to min(300, 2^tries)."""
    return rng.uniform(0.0, min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(tries, _MOST_DOUBLINGS)))


def wanted(retry_after: float | None, tries: int, rng: Random) -> float:
    """What an executor asked for, within reason; else ``delay``."""
    if retry_after is None:
        return delay(tries, rng)
    return min(max(0.0, retry_after), MOST_ASKED_SECONDS)
