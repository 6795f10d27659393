"""The way to a machine, through every other that stands before it."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import paramiko

from cluster_ai.nodes.discovery.known_hosts import HostKey
from cluster_ai.nodes.ssh import dialing
from cluster_ai.nodes.ssh.credentials import Credentials, sign_in
from cluster_ai.nodes.ssh.dialing import USUAL, Times
from cluster_ai.nodes.ssh.host_keys import Trust
from cluster_ai.nodes.ssh.session import THREADS, Session
from cluster_ai.nodes.ssh.target import Target
from cluster_ai.nodes.ssh.threads import Threads


@asynccontextmanager
async def connected(
    target: Target, *, trust: Trust, credentials: Credentials, times: Times = USUAL
) -> AsyncIterator[Session]:
    """A session at ``target``, through every machine on the way; each must show its key and let us in.

    Raises:
        ClusterError: one of ``causes``.
    """
    async with AsyncExitStack() as stack:
        session: Session | None = None
        for hop in (*target.jumps, target):
            sock: socket.socket | paramiko.Channel
            sock = await dialing.dial(hop, times) if session is None else await session.tunnel(hop)
            threads = await stack.enter_async_context(Threads(THREADS, "ssh"))
            transport = await stack.enter_async_context(
                dialing.opened(hop, sock, trust=trust, threads=threads, times=times)
            )
            await sign_in(transport, hop, credentials, threads=threads, times=times)
            session = Session(hop, transport, threads, times)
        assert session is not None, "the target itself is the last of them"
        yield session


async def shown_key(target: Target, *, times: Times = USUAL) -> HostKey:
    """The key that a host shows to anybody. Nothing beyond the agreement on keys is said, and nothing is believed.

    Raises:
        ClusterError: one of ``causes``.
    """
    sock = await dialing.dial(target, times)
    async with Threads(2, "ssh-look") as threads:
        return await dialing.asked_key(target, sock, threads=threads, times=times)
