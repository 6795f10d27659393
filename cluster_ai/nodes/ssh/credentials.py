"""Who one is to a machine: keys in files, an agent's keys, a password that is asked for once and kept nowhere."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import paramiko

from cluster_ai.nodes.ssh.causes import AuthFailed, Broken, IdentityUnusable, TimedOut
from cluster_ai.nodes.ssh.dialing import Times
from cluster_ai.nodes.ssh.target import Target
from cluster_ai.nodes.ssh.threads import Threads

MOST_KEYS: Final = 4
"""Servers hang up after six tries, and a password may be one more."""
_PASSWORDS: Final = frozenset({"password", "keyboard-interactive"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person is asked for."""

    kind: Literal["password", "passphrase"]
    about: str
    """Whose: ``user@host``, or the key's file."""


Secret = Callable[[Wanted], Awaitable[str | None]]


async def nothing(_wanted: Wanted) -> str | None:
    """There is nobody to ask."""
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What may be tried, in this order."""

    identities: tuple[Path, ...] = ()
    """Key files that somebody named: each must be usable."""
    agent: bool = True
    usual: tuple[Path, ...] = ()
    """Key files that are tried where they are, and passed over where they are locked."""
    secret: Secret = nothing


async def sign_in(
    transport: paramiko.Transport, target: Target, credentials: Credentials, *, threads: Threads, times: Times
) -> None:
    """Gets in, or says what was tried and what the machine takes.

    Raises:
        AuthFailed: nothing helped.
        IdentityUnusable: a key file that was named cannot be read.
        TimedOut, Broken: the machine fell silent.
    """
    entrance = _Entrance(transport, target, threads=threads, times=times)
    if await entrance.knock():
        return
    if "publickey" in entrance.methods:
        async with _keys(credentials, threads) as keys:
            for key in keys:
                if await entrance.show(key):
                    return
    if _PASSWORDS & set(entrance.methods):
        password = await credentials.secret(Wanted("password", str(target)))
        if password is not None and await entrance.say(password):
            return
    raise AuthFailed(str(target), tried=entrance.tried, methods=entrance.offered)


class _Entrance:
    """One door: what it takes, and what was tried at it."""

    def __init__(self, transport: paramiko.Transport, target: Target, *, threads: Threads, times: Times) -> None:
        self._transport = transport
        self._target = target
        self._threads = threads
        self._times = times
        self.offered: tuple[str, ...] = ()
        """At first; ``methods`` is what is left to do."""
        self.methods: tuple[str, ...] = ()
        self.tried: tuple[str, ...] = ()

    async def knock(self) -> bool:
        """Asks what is taken; some machines want nothing at all."""
        entered = await self._try("", lambda: self._transport.auth_none(self._target.user))
        self.offered = self.methods
        return entered

    async def show(self, key: paramiko.PKey) -> bool:
        return await self._try("publickey", lambda: self._transport.auth_publickey(self._target.user, key))

    async def say(self, password: str) -> bool:
        return await self._try("password", lambda: self._transport.auth_password(self._target.user, password))

    async def _try(self, name: str, attempt: Callable[[], Sequence[str]]) -> bool:
        """Whether one is in. An answer that names further steps is half the way: they are what is left to do."""
        if name and name not in self.tried:
            self.tried = (*self.tried, name)
        try:
            left = await self._threads.do(attempt, stop=self._transport.close)
        except paramiko.BadAuthenticationType as exc:
            self.methods = tuple(exc.allowed_types)
            return False
        except paramiko.AuthenticationException as exc:
            if "timeout" in str(exc).lower():
                raise TimedOut(str(self._target), "sign-in", self._times.sign_in) from exc
            if not self._transport.is_active():
                raise AuthFailed(str(self._target), tried=self.tried, methods=self.offered) from exc
            return False
        except (paramiko.SSHException, EOFError, OSError) as exc:
            raise Broken(str(self._target), str(exc)) from exc
        self.methods = tuple(left)
        return bool(self._transport.is_authenticated())


@asynccontextmanager
async def _keys(credentials: Credentials, threads: Threads) -> AsyncIterator[list[paramiko.PKey]]:
    found = [await _from_file(path, credentials.secret, threads) for path in credentials.identities]
    agent = await threads.do(_agent, stop=_nothing) if credentials.agent else None
    try:
        # Its keys sign through the agent, which must stay open for that.
        found += agent.get_keys() if agent else ()
        yield (found + await threads.do(partial(_usual, credentials.usual), stop=_nothing))[:MOST_KEYS]
    finally:
        if agent is not None:
            await threads.do(agent.close, stop=_nothing)


async def _from_file(path: Path, secret: Secret, threads: Threads) -> paramiko.PKey:
    password: str | None = None
    for _ in range(2):
        try:
            return await threads.do(lambda: _loaded(path, password), stop=_nothing)  # noqa: B023 - awaited here
        except paramiko.PasswordRequiredException as exc:
            password = await secret(Wanted("passphrase", str(path)))
            if password is None:
                raise IdentityUnusable(str(path), "it is locked by a passphrase") from exc
    raise IdentityUnusable(str(path), "that was not its passphrase")


def _loaded(path: Path, password: str | None) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path, password=None if password is None else password.encode())
    except TypeError as exc:
        # What the library below says when a passphrase is missing.
        raise paramiko.PasswordRequiredException(str(exc)) from exc
    except OSError as exc:
        raise IdentityUnusable(str(path), exc.strerror or str(exc)) from exc
    except (paramiko.SSHException, paramiko.UnknownKeyType, ValueError) as exc:
        if password is not None:
            raise paramiko.PasswordRequiredException(str(exc)) from exc
        raise IdentityUnusable(str(path), str(exc)) from exc


def _usual(paths: tuple[Path, ...]) -> list[paramiko.PKey]:
    found = []
    for path in paths:
        with suppress(paramiko.SSHException, IdentityUnusable):
            found.append(_loaded(path, None))
    return found


def _agent() -> paramiko.Agent | None:
    """The agent that runs for this user; None where there is none."""
    try:
        return paramiko.Agent()
    except (paramiko.SSHException, OSError):
        return None


def _nothing() -> None:
    """Work of moments ends by itself."""
