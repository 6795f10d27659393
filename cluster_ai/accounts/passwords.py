"""Passwords: what counts as one, and argon2id off the event loop, at most two at a time."""

import asyncio
from functools import cache
from importlib.resources import files

from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from cluster_ai.accounts.types import WeakPassword

SHORTEST = 8
LONGEST = 256
AT_ONCE = 2
"""Each hash takes 19 MiB: a flood of sign-ins must queue, not eat the memory that models need."""

MEMORY_KIB = 19 * 1024
ROUNDS = 2


@cache
def common() -> frozenset[str]:
    """Passwords that everybody tries first."""
    text = files("cluster_ai.accounts").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def check_strength(password: str, *, name: str) -> None:
    """Length counts, nothing else does, except that the name and what everybody tries first are no passwords.

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
    plain = password.casefold()
    if plain in common() or plain == name.casefold() or len(set(plain)) < 3:  # noqa: PLR2004 - "aaaaaaaa", "abababab"
        raise WeakPassword(
            "that password is among the first that anybody tries",
            path="new",
            hint="use a sentence",
            values={"about": "common"},
        )


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
