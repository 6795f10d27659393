"""Who may sign in: users, sessions and access tokens. Every public method is one unit of work."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cluster_ai.accounts import tables
from cluster_ai.accounts.audit import Audit, Deed
from cluster_ai.accounts.passwords import Passwords, check_strength
from cluster_ai.accounts.throttle import Throttle
from cluster_ai.accounts.tokens import Claims, SigningKeys
from cluster_ai.accounts.types import BadCredentials, Issued, Lifetimes, User
from cluster_ai.core.db import Database, DatabaseUnavailable
from cluster_ai.core.errors import Unauthenticated

TOUCH_SECONDS = 30.0
"""A session in use is noted this often; noting every request would make every read a write."""

LONGEST_TOKEN = 128


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
        self, database: Database, *, keys: SigningKeys, lifetimes: Lifetimes, times: Times, passwords: Passwords
    ) -> None:
        self._database = database
        self._keys = keys
        self._lifetimes = lifetimes
        self._times = times
        self._passwords = passwords
        self._throttle = Throttle()
        self.audit = Audit(database, now=times.now)

    # -- signing in

    async def sign_in(self, attempt: Attempt) -> SignedIn:
        """A new session.

        Raises:
            BadCredentials: and never says whether the name exists.
            TooManyAttempts: this name was tried too often from this address.
        """
        user = await self._prove(attempt, action="sign_in")
        token = secrets.token_urlsafe(32)
        now = self._times.now()
        async with self._database.transaction() as connection:
            await tables.forget_ended(connection, made_before=now - self._lifetimes.session, now=now)
            await tables.add_session(connection, digest(token), user_id=user.id, now=now)
            await self.audit.add(connection, Deed(actor=user.name, action="sign_in", address=attempt.address))
        return SignedIn(user, token)

    async def issue_token(self, attempt: Attempt, *, scopes: frozenset[str] = frozenset()) -> Issued:
        """An access token for a program.

        Raises:
            BadCredentials, TooManyAttempts: as ``sign_in``.
        """
        user = await self._prove(attempt, action="issue_token")
        async with self._database.read() as connection:
            found = await tables.user_by_id(connection, user.id)
        now, generation = int(self._times.now()), 0 if found is None else found[1]
        expires = now + int(self._lifetimes.token)
        token = self._keys.sign(Claims(user.id, self._times.new_id(), now, expires, generation, scopes))
        await self.audit.record(Deed(actor=user.name, action="issue_token", address=attempt.address))
        return Issued(access_token=token, expires_in=int(self._lifetimes.token))

    async def _prove(self, attempt: Attempt, *, action: str) -> User:
        name = attempt.name.casefold()
        self._throttle.admit(account=name, address=attempt.address, now=self._times.now())
        async with self._database.read() as connection:
            found = await tables.user_by_name(connection, name)
        hashed = None if found is None else found[1]
        if not await self._passwords.verify(attempt.password, hashed) or found is None:
            await self.audit.record(Deed(actor=name, action=action, outcome="refused", address=attempt.address))
            raise BadCredentials("name and password do not belong together")
        self._throttle.forgive(account=name, address=attempt.address)
        await self._renew_hash(found[0], found[1], password=attempt.password)
        return found[0]

    async def _renew_hash(self, user: User, hashed: str, *, password: str) -> None:
        if not self._passwords.is_outdated(hashed):
            return
        new = await self._passwords.hash(password)
        with suppress(DatabaseUnavailable):
            async with self._database.transaction() as connection:
                await tables.rehash(connection, user.id, old=hashed, new=new)

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
                    await tables.touch_session(connection, digest(token), now=now)
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

    # -- passwords

    async def change_password(self, attempt: Attempt, new: str, *, keep_session: str = "") -> None:
        """Sets a password of the user's own; every other session and every token of theirs ends.

        Raises:
            BadCredentials, TooManyAttempts: as ``sign_in``, for the current password.
            WeakPassword: the new one is none.
        """
        check_strength(new, name=attempt.name)
        user = await self._prove(attempt, action="change_password")
        await self._set_password(user, new, keep_session=keep_session, address=attempt.address)

    async def set_password(self, name: str, new: str, *, address: str) -> None:
        """As ``change_password``, for callers who own this machine's data anyway.

        Raises:
            BadCredentials: nobody has that name.
            WeakPassword: the new one is none.
        """
        check_strength(new, name=name)
        async with self._database.read() as connection:
            found = await tables.user_by_name(connection, name.casefold())
        if found is None:
            raise BadCredentials(f"nobody is called {name}")
        await self._set_password(found[0], new, keep_session="", address=address)

    async def _set_password(self, user: User, new: str, *, keep_session: str, address: str) -> None:
        hashed = await self._passwords.hash(new)
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
