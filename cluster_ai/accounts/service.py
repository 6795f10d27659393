"""Who may sign in: users, sessions and access tokens. Every public method is one unit of work."""

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass

from cluster_ai.accounts import tables
from cluster_ai.accounts.audit import Deed
from cluster_ai.accounts.passwords import require_strength
from cluster_ai.accounts.proving import Attempt, Prover, Times, refused
from cluster_ai.accounts.tokens import Claims, SigningKeys
from cluster_ai.accounts.types import BadCredentials, Doer, Issued, Lifetimes, SessionView, Start, User
from cluster_ai.core.db import Database, DatabaseUnavailable
from cluster_ai.core.errors import NotFound, Unauthenticated

__all__ = ["Accounts", "Attempt", "Times", "csrf_of", "digest"]

TOUCH_SECONDS = 30.0
"""A session in use is noted this often; noting every request would make every read a write."""

LONGEST_TOKEN = 128
LONGEST_AGENT = 200
SESSION_ID = 16
"""So many characters of a session's digest name it; nobody finds the token from them."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. ``token`` goes into the cookie and is stored nowhere."""

    user: User
    token: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom an access token stands for, and what it is narrowed to."""

    user: User
    scopes: frozenset[str]


class Accounts:
    """Signs people in and out."""

    def __init__(
        self, database: Database, *, keys: SigningKeys, lifetimes: Lifetimes, times: Times, prover: Prover
    ) -> None:
        self._database = database
        self._keys = keys
        self._lifetimes = lifetimes
        self._times = times
        self._prover = prover
        self.audit = prover.audit

    # -- signing in

    async def sign_in(self, attempt: Attempt, *, replaces: str = "") -> SignedIn:
        """A new session. The one of the token ``replaces``, which the same browser had, ends.

        Raises:
            BadCredentials: and never says whether the name exists.
            SecondFactorRequired, BadCode: the password is right, the code is not there or not right.
            TooManyAttempts: this name was tried too often from this address.
        """
        proven = await self._prover.prove(attempt, action="sign_in")
        user = proven.user
        token = secrets.token_urlsafe(32)
        now = self._times.now()
        async with self._database.transaction() as connection:
            # Who was disabled, or given another password, meanwhile has no session of the old one.
            known = await tables.user_by_id(connection, user.id)
            if known is None or known[1] != proven.generation:
                raise refused()
            await tables.forget_ended(connection, made_before=now - self._lifetimes.session, now=now)
            await tables.end_session(connection, digest(replaces))
            start = Start(user.id, attempt.address[:64], attempt.agent[:LONGEST_AGENT])
            await tables.add_session(connection, digest(token), start=start, now=now)
            await self.audit.add(connection, Deed(actor=user.name, action="sign_in", address=attempt.address))
        return SignedIn(user, token)

    async def issue_token(self, attempt: Attempt, *, scopes: frozenset[str] = frozenset()) -> Issued:
        """An access token for a program.

        Raises:
            BadCredentials, SecondFactorRequired, BadCode, TooManyAttempts: as ``sign_in``.
        """
        proven = await self._prover.prove(attempt, action="issue_token")
        user, now = proven.user, int(self._times.now())
        expires = now + int(self._lifetimes.token)
        token = self._keys.sign(Claims(user.id, self._times.new_id(), now, expires, proven.generation, scopes))
        await self.audit.record(Deed(actor=user.name, action="issue_token", address=attempt.address))
        with suppress(DatabaseUnavailable):
            async with self._database.transaction() as connection:
                await tables.see_user(connection, user.id, now=self._times.now())
        return Issued(access_token=token, expires_in=int(self._lifetimes.token))

    # -- being signed in

    async def of_session(self, token: str, *, touch: bool = True) -> User:
        """Who is signed in. ``touch`` counts this as a sign of life.

        Raises:
            Unauthenticated: there is no such session, or it ended.
        """
        if len(token) > LONGEST_TOKEN:
            raise _signed_out()
        now, limits = self._times.now(), self._lifetimes
        async with self._database.read() as connection:
            found = await tables.session_user(
                connection, digest(token), made_after=now - limits.session, seen_after=now - limits.idle
            )
        if found is None:
            raise _signed_out()
        user, seen = found
        if touch and now - seen > min(TOUCH_SECONDS, limits.idle / 4):
            # A database that cannot be written must not sign people out: they came to see what is wrong.
            with suppress(DatabaseUnavailable):
                async with self._database.transaction() as connection:
                    await tables.touch_session(connection, digest(token), user_id=user.id, now=now)
        return user

    async def of_token(self, token: str) -> Bearer:
        """Whom an access token stands for; revocation and deleted users count at once.

        Raises:
            Unauthenticated: it is not ours, expired, revoked, or its user is gone.
        """
        claims = self._keys.verify(token, now=self._times.now())
        async with self._database.read() as connection:
            found = await tables.user_by_id(connection, claims.subject)
            revoked = await tables.is_revoked(connection, claims.jti)
        if found is None or revoked or claims.generation != found[1]:
            values = {"about": "revoked"}
            raise Unauthenticated(
                "the access token was revoked", hint="ask for a new one at /api/v1/auth/token", values=values
            )
        return Bearer(found[0], claims.scopes)

    # -- leaving

    async def sign_out(self, token: str, *, actor: str, address: str) -> None:
        """Ends the session."""
        async with self._database.transaction() as connection:
            await tables.end_session(connection, digest(token))
            await self.audit.add(connection, Deed(actor=actor, action="sign_out", address=address))

    async def revoke_token(self, token: str, *, actor: str, address: str) -> None:
        """The token is worth nothing from now on."""
        claims = self._keys.verify(token, now=self._times.now())
        async with self._database.transaction() as connection:
            await tables.revoke(connection, claims.jti, expires_at=claims.expires_at)
            await self.audit.add(connection, Deed(actor=actor, action="revoke_token", address=address))

    # -- sessions

    async def sessions(self, user_id: str, *, current: str = "") -> tuple[SessionView, ...]:
        """Where somebody is signed in, the last seen first. ``current`` is the token of whoever asks, if any."""
        now, limits, own = self._times.now(), self._lifetimes, digest(current) if current else ""
        async with self._database.read() as connection:
            rows = await tables.sessions_of(
                connection, user_id, made_after=now - limits.session, seen_after=now - limits.idle
            )  # fmt: skip
        return tuple(
            SessionView.model_validate({**row, "id": row["digest"][:SESSION_ID], "current": row["digest"] == own})
            for row in rows
        )

    async def end_session(self, user_id: str, session: str, *, doer: Doer, subject: str) -> None:
        """Ends one of somebody's sessions; ``subject`` is their name, for the audit.

        Raises:
            NotFound: they have none of that id.
        """
        async with self._database.transaction() as connection:
            rows = await tables.sessions_of(connection, user_id, made_after=0.0, seen_after=0.0)
            found = [row["digest"] for row in rows if row["digest"][:SESSION_ID] == session]
            if not found:
                raise NotFound("there is no such session", values={"about": "session"})
            await tables.end_session(connection, found[0])
            deed = Deed(actor=doer.name, action="end_session", subject=f"{subject}: {session}", address=doer.address)
            await self.audit.add(connection, deed)

    async def end_sessions(self, user_id: str, *, keep: str, doer: Doer, subject: str) -> None:
        """Ends all of somebody's sessions but that of the token ``keep``."""
        async with self._database.transaction() as connection:
            await tables.end_sessions(connection, user_id, but=digest(keep) if keep else "")
            deed = Deed(actor=doer.name, action="end_sessions", subject=subject, address=doer.address)
            await self.audit.add(connection, deed)

    # -- passwords

    async def change_password(self, attempt: Attempt, new: str, *, keep_session: str = "") -> None:
        """Sets a password of the user's own; every other session and every token of theirs ends.

        Raises:
            BadCredentials, TooManyAttempts: as ``sign_in``, for the current password.
            WeakPassword: the new one is none.
        """
        await require_strength(new, name=attempt.name)
        proven = await self._prover.prove(attempt, action="change_password", asks_code=False)
        await self._set_password(proven.user, new, keep_session=keep_session, address=attempt.address)

    async def set_password(self, name: str, new: str, *, address: str) -> None:
        """As ``change_password``, for callers who own this machine's data anyway.

        Raises:
            BadCredentials: nobody has that name.
            WeakPassword: the new one is none.
        """
        await require_strength(new, name=name)
        async with self._database.read() as connection:
            found = await tables.user_by_name(connection, name.casefold())
        if found is None:
            raise BadCredentials(f"nobody is called {name}")
        await self._set_password(found[0], new, keep_session="", address=address)

    async def _set_password(self, user: User, new: str, *, keep_session: str, address: str) -> None:
        hashed = await self._prover.passwords.hash(new)
        kept = digest(keep_session) if keep_session else ""
        async with self._database.transaction() as connection:
            await tables.set_password(connection, user.id, password_hash=hashed, chosen=True)
            await tables.end_sessions(connection, user.id, but=kept)
            await self.audit.add(connection, Deed(actor=user.name, action="change_password", address=address))


def digest(token: str) -> str:
    """What the database knows of a session's token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def csrf_of(token: str) -> str:
    """What a page must send beside the cookie: only who may read the sign-in's answer knows it."""
    return hmac.new(token.encode("utf-8", "replace"), b"csrf", hashlib.sha256).hexdigest()


def _signed_out() -> Unauthenticated:
    return Unauthenticated("you are signed out", hint="sign in again")
