"""A CA with members for tests, and one handshake between two of them."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai.pki.authority import Authority, Revoked, Signed, open_authority
from cluster_ai.pki.peer import peer_of
from cluster_ai.pki.requests import key_pem, new_key, request_for
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import Identity, PeerRole

CLUSTER = "01928d2f-0000-7000-8000-000000000001"
NOW = 1_700_000_000.0


def node_id(number: int) -> str:
    return f"01928d2f-0000-7000-8000-0000000000{number:02d}"


@dataclass
class Members:
    """``folder/<name>`` is the store of each member."""

    folder: Path
    now: float
    authority: Authority = field(init=False)
    revoked: list[Revoked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority = open_authority(self.folder / "ca", now=self.now, cluster_id=CLUSTER, name="test")

    def head(self, **more: float) -> Store:
        return self.member("head", Identity(PeerRole.HEAD, CLUSTER), **more)[0]

    def node(self, number: int, **more: float) -> tuple[Store, Signed]:
        return self.member(f"node-{number}", Identity(PeerRole.NODE, CLUSTER, node_id(number)), **more)

    def member(self, name: str, identity: Identity, *, now: float = 0, days: float = 90) -> tuple[Store, Signed]:
        key = new_key()
        request = request_for(key, name)
        signed = self.authority.sign(request, identity, now=now or self.now, days=days, names=("127.0.0.1",))
        store = Store(self.folder / name)
        store.put(key=key_pem(key), certificate=signed.pem)
        store.put_authority(self.authority.pem)
        store.put_revoked(self.list())
        return store, signed

    def revoke(self, serial: str) -> None:
        self.revoked.append(Revoked(serial, self.now))

    def list(self) -> str:
        return self.authority.revocation_list(self.revoked, now=self.now, number=len(self.revoked) + 1)


def shake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> tuple[Identity | None, str]:
    """Whom the server met, or why it met nobody: a handshake over TCP and one byte each way."""
    return asyncio.run(_shake(server, client, host))


def refusal(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> str:
    """Why the server met nobody."""
    met, error = shake(server, client, host)
    assert met is None
    assert error
    return error


async def _shake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> tuple[Identity | None, str]:
    met: list[Identity | None] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(peer_of(writer.get_extra_info("ssl_object")))
        with suppress(OSError, asyncio.IncompleteReadError):
            writer.write(await reader.readexactly(1))
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listener = await asyncio.start_server(take, "127.0.0.1", 0, ssl=server)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        except (ssl.SSLError, OSError) as exc:
            return None, str(exc)
        try:
            writer.write(b"x")
            await reader.readexactly(1)
        except (ssl.SSLError, OSError, asyncio.IncompleteReadError) as exc:
            return None, f"refused: {exc}"
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    return met[0], ""
