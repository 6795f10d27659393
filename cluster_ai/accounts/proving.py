"""Whether somebody is who they say: a password, and a code where there is a second factor. Throttled and audited."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cluster_ai.accounts import tables
from cluster_ai.accounts.audit import Audit, Deed
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.second_factor import SecondFactors
from cluster_ai.accounts.throttle import Throttle
from cluster_ai.accounts.types import BadCode, BadCredentials, SecondFactorRequired, TooManyAttempts, User
from cluster_ai.core.db import Database, DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class Times:
    """The clock and the source of identifiers; tests bring their own."""

    now: Callable[[], float]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at ``address`` says that they are ``name``."""

    name: str
    password: str
    address: str
    agent: str = ""
    """What the program calls itself; told to its owner beside the session."""
    code: str = ""
    """Of the second factor, for whoever has one."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Whose password it was, and of which generation: each new password is one."""

    user: User
    generation: int


class Prover:
    """Asks for passwords and codes."""

    def __init__(
        self, database: Database, *, audit: Audit, times: Times, passwords: Passwords, factors: SecondFactors
    ) -> None:
        self._database = database
        self._times = times
        self._throttle = Throttle()
        self.audit = audit
        self.passwords = passwords
        self.factors = factors

    async def prove(self, attempt: Attempt, *, action: str, asks_code: bool = True) -> Proven:
        """Who they are. ``asks_code``: where they have a second factor, a code of it is needed, too.

        Raises:
            BadCredentials: and never says whether the name exists.
            SecondFactorRequired, BadCode: the password is right, the code is not there or not right.
            TooManyAttempts: this name was tried too often from this address, or codes from anywhere.
        """
        name = attempt.name.casefold()
        self._throttle.admit(account=name, address=attempt.address, now=self._times.now())
        async with self._database.read() as connection:
            # Disabled or never there: the same answer after the same work.
            found = await tables.user_by_name(connection, name, enabled=True)
            known = None if found is None else await tables.user_by_id(connection, found[0].id)
        deed = Deed(actor=name, action=action, outcome="refused", address=attempt.address)
        hashed = None if found is None else found[1]
        if not await self.passwords.verify(attempt.password, hashed) or found is None or known is None:
            await self.audit.record(deed)
            raise refused()
        if asks_code:
            try:
                await self.factors.check(known[0], attempt.code, address=attempt.address)
            except (SecondFactorRequired, BadCode, TooManyAttempts) as exc:
                # Not forgiven: who asks without a code in between would have as many guesses as they like.
                await self.audit.record(deed.model_copy(update={"outcome": exc.code[:32]}))
                raise
        self._throttle.forgive(account=name, address=attempt.address)
        await self._renew_hash(found[0], found[1], password=attempt.password)
        return Proven(*known)

    async def _renew_hash(self, user: User, hashed: str, *, password: str) -> None:
        if not self.passwords.is_outdated(hashed):
            return
        new = await self.passwords.hash(password)
        with suppress(DatabaseUnavailable):
            async with self._database.transaction() as connection:
                await tables.rehash(connection, user.id, old=hashed, new=new)


def refused() -> BadCredentials:
    """Whoever it is, they are not let in."""
    return BadCredentials("name and password do not belong together")
