"""From a name to a host that has shown the right key. Nothing of ours is sent before."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import paramiko

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.discovery.known_hosts import HostKey
from cluster_ai.nodes.ssh import host_keys
from cluster_ai.nodes.ssh.causes import Broken, NameUnknown, NotSsh, Refused, TimedOut, Unreachable
from cluster_ai.nodes.ssh.host_keys import FirstContact, Trust, Verdict
from cluster_ai.nodes.ssh.target import Target
from cluster_ai.nodes.ssh.threads import Threads

MOST_ADDRESSES: Final = 8
_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")
# The library tells every broken connection with its story; ours is the error that is raised.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Times:
    """How long each stage may take, in seconds."""

    resolve: float = 5.0
    connect: float = 8.0
    banner: float = 10.0
    exchange: float = 15.0
    """Banner and agreement on keys together with it."""
    sign_in: float = 20.0
    channel: float = 10.0
    keepalive: int = 15
    silence: int = 45
    """What was sent and is acknowledged by nobody for so long ends the connection."""


USUAL: Final = Times()


async def dial(target: Target, times: Times) -> socket.socket:
    """A connection to the first address of the host that takes one.

    Raises:
        NameUnknown, Refused, TimedOut, Unreachable: none does; told of the last one.
    """
    problem: ClusterError = NameUnknown(target.host)
    for family, address in await _addresses(target, times):
        try:
            return await _connected(family, address, times)
        except TimeoutError:
            problem = TimedOut(str(target), "connect", times.connect)
        except ConnectionRefusedError:
            problem = Refused(str(target))
        except OSError as exc:
            problem = Unreachable(str(target), exc.strerror or str(exc))
    raise problem


async def _connected(family: int, address: tuple[Any, ...], times: Times) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        async with asyncio.timeout(times.connect):
            await asyncio.get_running_loop().sock_connect(sock, address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, times.silence * 1000)
    except BaseException:
        sock.close()
        raise
    return sock


async def _addresses(target: Target, times: Times) -> Sequence[tuple[int, tuple[Any, ...]]]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(times.resolve):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except TimeoutError as exc:
        raise TimedOut(target.host, "name", times.resolve) from exc
    except (socket.gaierror, UnicodeError) as exc:
        raise NameUnknown(target.host) from exc
    return [(family, address) for family, _, _, _, address in found[:MOST_ADDRESSES]]


@asynccontextmanager
async def opened(
    target: Target, sock: "socket.socket | paramiko.Channel", *, trust: Trust, threads: Threads, times: Times
) -> AsyncIterator[paramiko.Transport]:
    """An encrypted connection to a host that has shown the key it should; nobody is signed in yet.

    Raises:
        HostKeyChanged, HostKeyUnknown: it has not.
        TimedOut, NotSsh, Broken: it came to no encryption.
    """
    known = await threads.do(trust.keys.known, stop=_nothing)
    async with _agreed(target, sock, kinds=host_keys.kinds(known, target), threads=threads, times=times) as transport:
        await _verify(transport, target, trust=trust, threads=threads)
        transport.set_keepalive(times.keepalive)
        yield transport


async def asked_key(target: Target, sock: socket.socket, *, threads: Threads, times: Times) -> HostKey:
    """The key that a host shows to anybody; the connection is over then."""
    async with _agreed(target, sock, kinds=(), threads=threads, times=times) as transport:
        return _shown(transport)


@asynccontextmanager
async def _agreed(
    target: Target, sock: "socket.socket | paramiko.Channel", *, kinds: Sequence[str], threads: Threads, times: Times
) -> AsyncIterator[paramiko.Transport]:
    # The socket is ours until the library's thread has it: a transport that never started closes nothing.
    with contextlib.closing(sock):
        transport = paramiko.Transport(sock)
        try:
            transport.banner_timeout = times.banner
            transport.handshake_timeout = times.exchange
            transport.channel_timeout = times.channel
            transport.auth_timeout = times.sign_in
            _prefer(transport, kinds)
            await _exchange(transport, target, threads=threads, times=times)
            yield transport
        finally:
            await threads.do(transport.close, stop=_nothing)


async def _exchange(transport: paramiko.Transport, target: Target, *, threads: Threads, times: Times) -> None:
    began = time.monotonic()
    try:
        await threads.do(lambda: transport.start_client(timeout=times.exchange), stop=transport.close)
    except paramiko.IncompatiblePeer as exc:
        raise NotSsh(str(target), str(exc)) from exc
    except (paramiko.SSHException, EOFError, OSError) as exc:
        if "banner" in str(exc) and time.monotonic() - began >= min(times.banner, times.exchange):
            raise TimedOut(str(target), "banner", times.banner) from exc
        if "rotocol" in str(exc) or "banner" in str(exc):
            raise NotSsh(str(target), str(exc)) from exc
        raise Broken(str(target), str(exc)) from exc
    if not transport.initial_kex_done:
        # When time is over the library goes on as if all were well.
        raise TimedOut(str(target), "key exchange", times.exchange)


async def _verify(transport: paramiko.Transport, target: Target, *, trust: Trust, threads: Threads) -> None:
    key = _shown(transport)
    # Read again: another of us may have met this host since.
    known = await threads.do(trust.keys.known, stop=_nothing)
    verdict, instead = host_keys.judge(known, target, key)
    if verdict in {Verdict.CHANGED, Verdict.REVOKED}:
        raise host_keys.refuse(trust, target, expected=instead or "another, this one is revoked", got=key)
    expected = trust.given(target)
    if expected and expected != key.fingerprint:
        raise host_keys.refuse(trust, target, expected=expected, got=key)
    if verdict is Verdict.KNOWN:
        return
    if not expected and not await trust.ask(FirstContact(target, key)):
        raise host_keys.unknown(target, key)
    await threads.do(lambda: trust.keys.remember(target, key), stop=_nothing)


def _shown(transport: paramiko.Transport) -> HostKey:
    shown = transport.get_remote_server_key()
    return HostKey(shown.get_name(), shown.asbytes())


def _prefer(transport: paramiko.Transport, kinds: Sequence[str]) -> None:
    """Asks the host for its known key first: it may have several."""
    options = transport.get_security_options()
    names = [name for kind in kinds for name in (_RSA if kind == "ssh-rsa" else (kind,))]
    first = [name for name in names if name in options.key_types]
    options.key_types = tuple(dict.fromkeys([*first, *options.key_types]))


def _nothing() -> None:
    """Work of moments ends by itself."""
