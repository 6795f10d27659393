"""Passwords: what counts as one, and argon2id off the event loop, at most two at a time."""

import asyncio
from typing import Final

from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from cluster_ai.accounts.types import WeakPassword

SHORTEST = 8
LONGEST = 256
AT_ONCE = 2
"""Each hash takes 19 MiB: a flood of sign-ins must queue, not eat the memory that models need."""

MEMORY_KIB = 19 * 1024
ROUNDS = 2


FEWEST_GUESSES: Final = 1e6
"""More than anybody gets to try at a door that throttles (Wheeler, zxcvbn, USENIX Security 2016)."""
WEIGHED: Final = 40
"""The first characters are weighed: what weighs them takes milliseconds for as many, and seconds for a page."""
OURS: Final = ("cluster", "cluster-ai", "ollama", "dask", "homelab")
"""What comes to mind first at our door."""


def check_strength(password: str, *, name: str) -> None:
    """Length counts, and how many guesses it takes; no kind of character is asked for.

    What is weighed are the words, names, dates, rows of keys and passwords of others that it is made of (zxcvbn, which
    knows the 30,000 most used ones), and ``name``.

    Raises:
        WeakPassword: with the reason.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(
            f"a password has at least {SHORTEST} characters; 15 or more are better",
            path="new",
            values={"about": "short", "limit": str(SHORTEST)},
        )
    if len(password) > LONGEST:
        values = {"about": "long", "limit": str(LONGEST)}
        raise WeakPassword(f"a password has at most {LONGEST} characters", path="new", values=values)
    from zxcvbn import zxcvbn  # noqa: PLC0415 - 14 MiB of lists, for whoever sets a password alone

    # The decimal number of a library; a float is as good here.
    if float(zxcvbn(password[:WEIGHED], user_inputs=[name, *OURS])["guesses"]) < FEWEST_GUESSES:
        raise WeakPassword(
            "that password is among the first that anybody tries",
            path="new",
            hint="use a sentence, or four words that have nothing to do with each other",
            values={"about": "common"},
        )


async def require_strength(password: str, *, name: str) -> None:
    """``check_strength`` beside the loop: it takes milliseconds, and the first time the lists are read from disk."""
    await asyncio.to_thread(check_strength, password, name=name)


class Passwords:
    """Hashes and checks."""

    def __init__(self, *, rounds: int = ROUNDS, memory_kib: int = MEMORY_KIB) -> None:
        self._hasher = Argon2Hasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._room = asyncio.Semaphore(AT_ONCE)
        # Checked when no such user exists, so that both answers take the same time.
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether they belong together; with None (no such user) the same work and False."""
        async with self._room:
            good = await asyncio.to_thread(self._matches, password, self._nobody if hashed is None else hashed)
        return good and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether ``hashed`` was made with other costs than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(password, hashed)
        except UnknownHashError:
            return False
