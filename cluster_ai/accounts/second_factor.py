"""The second factor of people who want one: how it is begun, checked, and ended."""

import secrets
from collections.abc import Callable

from cluster_ai.accounts import codes, factor_tables, tables
from cluster_ai.accounts.audit import Audit, Deed
from cluster_ai.accounts.throttle import Guesses
from cluster_ai.accounts.types import (
    BadCode,
    BegunFactor,
    FactorView,
    RecoveryCodes,
    SecondFactorNotBegun,
    SecondFactorOn,
    SecondFactorRequired,
    User,
)
from cluster_ai.core.db import Database
from cluster_ai.core.sealing import Seal

ISSUER = "Cluster AI"
BEGUN_SECONDS = 900.0
"""So long somebody may take from the picture to the first code."""


class SecondFactors:
    """Secrets lie sealed in the database, recovery codes hashed. Every public method is one unit of work."""

    def __init__(self, database: Database, *, seal: Seal, audit: Audit, now: Callable[[], float]) -> None:
        self._database = database
        self._seal = seal
        self._audit = audit
        self._now = now
        self._guesses = Guesses()

    async def state(self, user_id: str) -> FactorView:
        """Whether it is on, and how many recovery codes are left."""
        async with self._database.read() as connection:
            factor = await factor_tables.factor_of(connection, user_id)
            left = await factor_tables.recovery_left(connection, user_id)
        return FactorView(on=factor is not None and factor.confirmed, recovery_codes_left=left)

    async def begin(self, user: User, *, address: str) -> BegunFactor:
        """A new secret; nothing is asked for before ``confirm``. The password was proven before.

        Raises:
            SecondFactorOn: there is one; it is turned off first.
        """
        secret = codes.new_secret(secrets.token_bytes)
        sealed = self._seal.close(secret, owner=user.id)
        async with self._database.transaction() as connection:
            factor = await factor_tables.factor_of(connection, user.id)
            if factor is not None and factor.confirmed:
                raise _is_on()
            await factor_tables.begin(connection, user.id, sealed=sealed, now=self._now())
            await self._audit.add(connection, Deed(actor=user.name, action="begin_second_factor", address=address))
        return BegunFactor(secret=secret, uri=codes.uri_of(secret, name=user.name, issuer=ISSUER))

    async def confirm(self, user: User, code: str, *, keep_session: str, address: str) -> RecoveryCodes:
        """Turns it on; every session but that of the digest ``keep_session``, and every token, ends.

        Raises:
            SecondFactorOn: it was on.
            SecondFactorNotBegun: there is nothing to confirm.
            BadCode: the app shows something else.
        """
        now = self._now()
        async with self._database.read() as connection:
            factor = await factor_tables.factor_of(connection, user.id)
        if factor is not None and factor.confirmed:
            raise _is_on()
        if factor is None or factor.begun_at < now - BEGUN_SECONDS:
            raise _not_begun()
        step = codes.matching_step(self._seal.open(factor.sealed, owner=user.id), codes.plain(code), now=now)
        deed = Deed(actor=user.name, action="confirm_second_factor", address=address)
        if step is None:
            await self._audit.record(deed.model_copy(update={"outcome": "refused"}))
            raise _bad()
        shown = codes.new_recovery_codes(secrets.token_bytes)
        digests = [codes.recovery_digest(one) for one in shown]
        async with self._database.transaction() as connection:
            if not await factor_tables.confirm(connection, user.id, sealed=factor.sealed, step=step, digests=digests):
                raise _not_begun()
            await tables.end_sessions(connection, user.id, but=keep_session)
            await tables.end_tokens(connection, user.id)
            await self._audit.add(connection, deed)
        return RecoveryCodes(recovery_codes=shown)

    async def turn_off(self, user: User, *, address: str) -> None:
        """Forgets it. Password and code were proven before."""
        async with self._database.transaction() as connection:
            await tables.drop_factor(connection, user.id)
            await self._audit.add(connection, Deed(actor=user.name, action="drop_second_factor", address=address))

    async def check(self, user: User, code: str, *, address: str) -> None:
        """Takes a code, once; nothing is asked of who has no second factor. Their password was right.

        Raises:
            SecondFactorRequired: there is one, and ``code`` is empty.
            BadCode: wrong, too old, or used before.
            TooManyAttempts: too many were wrong, from wherever; recovery codes are taken all the same.
        """
        async with self._database.read() as connection:
            factor = await factor_tables.factor_of(connection, user.id)
        if factor is None or not factor.confirmed:
            return
        text = codes.plain(code)
        if not text:
            raise SecondFactorRequired("a code of the second factor is needed, too", hint="send it as `code`")
        is_good = (
            await self._spend_recovery(user, text, address=address)
            if codes.is_recovery(text)
            else await self._spend_code(user, text, factor=factor)
        )
        if not is_good:
            raise _bad()

    async def _spend_recovery(self, user: User, text: str, *, address: str) -> bool:
        async with self._database.transaction() as connection:
            digest = codes.recovery_digest(text)
            is_good = await factor_tables.spend_recovery(connection, user.id, digest=digest)
            if is_good:
                await self._audit.add(connection, Deed(actor=user.name, action="use_recovery_code", address=address))
        return is_good

    async def _spend_code(self, user: User, text: str, *, factor: factor_tables.Factor) -> bool:
        now = self._now()
        self._guesses.admit(user.id, now=now)
        step = codes.matching_step(self._seal.open(factor.sealed, owner=user.id), text, now=now)
        if step is None:
            return False
        async with self._database.transaction() as connection:
            is_good = await factor_tables.spend_step(connection, user.id, sealed=factor.sealed, step=step)
        if is_good:
            self._guesses.forgive(user.id)
        return is_good


def _is_on() -> SecondFactorOn:
    return SecondFactorOn("there is a second factor already", hint="turn it off first")


def _not_begun() -> SecondFactorNotBegun:
    return SecondFactorNotBegun("no second factor was begun in the last minutes", hint="begin again")


def _bad() -> BadCode:
    return BadCode("the code is wrong, too old, or was used before", hint="wait for the next one; look at the clocks")
