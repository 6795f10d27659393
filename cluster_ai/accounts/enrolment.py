"""A person's own second factor: begun and ended by whoever proves to be them."""

from cluster_ai.accounts.proving import Attempt, Prover
from cluster_ai.accounts.types import BegunFactor, FactorView, RecoveryCodes, User


class Enrolment:
    """What people do about a second factor of their own."""

    def __init__(self, prover: Prover) -> None:
        self._prover = prover

    async def state(self, user_id: str) -> FactorView:
        """Whether it is on."""
        return await self._prover.factors.state(user_id)

    async def begin(self, attempt: Attempt) -> BegunFactor:
        """A new secret, for the current password: a session that somebody left open is not enough.

        Raises:
            BadCredentials, TooManyAttempts: as for signing in.
            SecondFactorOn: there is one.
        """
        proven = await self._prover.prove(attempt, action="begin_second_factor", asks_code=False)
        return await self._prover.factors.begin(proven.user, address=attempt.address)

    async def confirm(self, user: User, code: str, *, keep_session: str, address: str) -> RecoveryCodes:
        """Turns it on, as ``SecondFactors.confirm``."""
        return await self._prover.factors.confirm(user, code, keep_session=keep_session, address=address)

    async def turn_off(self, attempt: Attempt) -> None:
        """Forgets it, for the current password and a code or recovery code.

        Raises:
            BadCredentials, SecondFactorRequired, BadCode, TooManyAttempts: as for signing in.
        """
        proven = await self._prover.prove(attempt, action="drop_second_factor")
        await self._prover.factors.turn_off(proven.user, address=attempt.address)
