"""How often somebody may try a password. Pure: time comes in."""

from collections import OrderedDict, deque

from cluster_ai.accounts.types import TooManyAttempts

WINDOW_SECONDS = 60.0
PER_ACCOUNT_AND_ADDRESS = 5
PER_ADDRESS = 30
MOST_KEYS = 10_000
GUESS_SECONDS = 900.0
GUESSES = 10
"""Of six digits with three steps good at a time: a third of a per cent a day, whoever knows the password."""


class Throttle:
    """Attempts of the last minute, by account and address, and by address alone (one password, many names).

    Kept in memory: a restart forgives, which costs an attacker more than it gives. Nobody can lock the owner out,
    because the owner's own address is counted apart.
    """

    def __init__(self) -> None:
        self._attempts: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def admit(self, *, account: str, address: str, now: float) -> None:
        """Counts an attempt that is about to be made.

        Raises:
            TooManyAttempts: with the pause until the next one.
        """
        pairs = (((account, address), PER_ACCOUNT_AND_ADDRESS), (("", address), PER_ADDRESS))
        wait = max(self._wait(key, limit, now=now) for key, limit in pairs)
        if wait > 0:
            raise _too_many(wait, hint="wait, then try once")
        for key, _ in pairs:
            self._attempts.setdefault(key, deque()).append(now)
            self._attempts.move_to_end(key)
        while len(self._attempts) > MOST_KEYS:
            self._attempts.popitem(last=False)

    def forgive(self, *, account: str, address: str) -> None:
        """After a good password earlier slips on that name count no more, nor does the attempt itself."""
        self._attempts.pop((account, address), None)
        if by_address := self._attempts.get(("", address)):
            by_address.pop()

    def _wait(self, key: tuple[str, str], limit: int, *, now: float) -> float:
        made = self._attempts.get(key)
        if made is None:
            return 0.0
        while made and made[0] <= now - WINDOW_SECONDS:
            made.popleft()
        return max(1.0, made[0] + WINDOW_SECONDS - now) if len(made) >= limit else 0.0


class Guesses:
    """Wrong codes of a second factor by account, from whatever address: only who knows the password makes any."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, account: str, *, now: float) -> None:
        """Counts a guess that is about to be made.

        Raises:
            TooManyAttempts: with the pause until the next one.
        """
        made = self._made.setdefault(account, deque())
        while made and made[0] <= now - GUESS_SECONDS:
            made.popleft()
        if len(made) >= GUESSES:
            raise _too_many(made[0] + GUESS_SECONDS - now, hint="a recovery code is taken meanwhile")
        made.append(now)
        self._made.move_to_end(account)
        while len(self._made) > MOST_KEYS:
            self._made.popitem(last=False)

    def forgive(self, account: str) -> None:
        """The last one was right; those before still count."""
        if made := self._made.get(account):
            made.pop()


def _too_many(wait: float, *, hint: str) -> TooManyAttempts:
    return TooManyAttempts(
        f"too many attempts; try again in {wait:.0f} s", hint=hint, retry_after=wait, values={"seconds": f"{wait:.0f}"}
    )
