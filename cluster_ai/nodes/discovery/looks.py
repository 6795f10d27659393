"""What an open port serves: a few small questions, each on a connection of its own, with an end in bytes and seconds.

Answers are a stranger's. No redirect is followed, nothing is fetched that an answer names.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.addresses import authority
from cluster_ai.nodes.discovery import kinds
from cluster_ai.nodes.discovery.kinds import Http
from cluster_ai.nodes.discovery.types import Kind, Service
from cluster_ai.pki.peer import identity_of
from cluster_ai.pki.types import CertificateRefused, PeerRole

MOST_BYTES: Final = 65_536
_SPEAKS_FIRST: Final = 0.6
"""Seconds in which a server that greets has greeted."""
_SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's first message: shall we speak TLS?"""
_NOT_FOUND: Final = 404
_SWITCHING: Final = 101
_REFUSES_PLAIN: Final = frozenset({400, 404, 426})


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for one question, and for one port."""

    question: float = 2.0
    port: float = 8.0


USUAL: Final = Patience()


async def look(address: str, port: int, patience: Patience = USUAL) -> Service:
    """Names the service as well as it lets itself be named."""
    asking = _Asking(address, port, patience.question)
    with suppress(TimeoutError):
        async with asyncio.timeout(patience.port):
            await asking.all()
    return asking.best


class _Asking:
    """One port. ``best`` is what is known of it so far."""

    def __init__(self, address: str, port: int, seconds: float) -> None:
        self._address = address
        self._port = port
        self._seconds = seconds
        self._tls: ssl.SSLContext | None = None
        self.best = Service(port=port, kind=Kind.OTHER)

    async def all(self) -> None:
        raw, _ = await self._exchange(b"", seconds=_SPEAKS_FIRST, most=512)
        if named := kinds.greeting(self._port, raw):
            self.best = named
            return
        raw, _ = await self._exchange(self._request("GET", "/"))
        if named := kinds.answer(self._port, raw):
            self.best = named
            return
        found = kinds.http(raw)
        if found is None or (found.status in _REFUSES_PLAIN and kinds.wants_tls(raw)):
            if not await self._speaks_tls():
                await self._ask_databases(raw)
                return
            raw, _ = await self._exchange(self._request("GET", "/"))
            found = kinds.http(raw)
        if found is not None:
            await self._page(found)

    async def _speaks_tls(self) -> bool:
        """Whether it does; and who shows one of our certificates. Nothing of it is believed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._tls = context
        _, certificate = await self._exchange(b"", seconds=_SPEAKS_FIRST, most=1)
        if certificate is None:
            self._tls = None
            return False
        self.best = Service(port=self._port, kind=Kind.TLS, tls=True)
        with suppress(CertificateRefused):
            shown = identity_of(certificate)
            kind = Kind.CLUSTER_HEAD if shown.role is PeerRole.HEAD else Kind.CLUSTER_MACHINE
            self.best = Service(port=self._port, kind=kind, tls=True, cluster=shown.cluster_id)
        return True

    async def _ask_databases(self, raw: bytes) -> None:
        """Some hang up on whoever comes with HTTP: they are asked in words of their own."""
        if raw:
            return
        told, _ = await self._exchange(b"PING\r\n", most=512)
        if named := kinds.answer(self._port, told):
            self.best = named
            return
        told, _ = await self._exchange(_SSL_REQUEST, most=1)
        if told in {b"S", b"N"}:
            self.best = Service(port=self._port, kind=Kind.DATABASE, name="PostgreSQL", tls=told == b"S")

    async def _page(self, found: Http) -> None:
        if self.best.kind in {Kind.CLUSTER_HEAD, Kind.CLUSTER_MACHINE}:
            return
        self._better(kinds.page(self._port, found))
        if found.body.startswith(b"Ollama is running"):
            await self._ollama()
            return
        if self.best.kind in {Kind.DATABASE, Kind.CLUSTER_HEAD}:
            return
        for named in (self._agent, self._openai, self._mcp, self._described, self._websocket):
            if service := await named(found):
                self._better(service)
                return

    async def _ollama(self) -> None:
        health = await self._get("/health")
        if health is not None and health.fields() == {"status": "ok"}:
            # Ollama has no such path: this is what speaks its language for many.
            self._better(Service(port=self._port, kind=Kind.CLUSTER_GATEWAY))
            return
        version, tags = await self._get("/api/version"), await self._get("/api/tags")
        self._better(kinds.ollama(self._port, version, tags))

    async def _agent(self, _found: Http) -> Service | None:
        for path in ("/.well-known/agent-card.json", "/.well-known/agent.json"):
            if service := kinds.agent(self._port, await self._get(path)):
                return service
        return None

    async def _openai(self, _found: Http) -> Service | None:
        return kinds.openai(self._port, await self._get("/v1/models"))

    async def _mcp(self, _found: Http) -> Service | None:
        told = await self._get("/mcp")
        if told is None or told.status == _NOT_FOUND or "html" in told.headers.get("content-type", ""):
            return None
        raw, _ = await self._exchange(self._request("POST", "/mcp", body=kinds.greet_mcp()))
        return kinds.mcp(self._port, kinds.http(raw))

    async def _described(self, _found: Http) -> Service | None:
        return kinds.described(self._port, await self._get("/openapi.json")) if self.best.kind is Kind.API else None

    async def _websocket(self, found: Http) -> Service | None:
        if found.status not in _REFUSES_PLAIN:
            return None
        raw, _ = await self._exchange(self._request("GET", "/", upgrade=True))
        told = kinds.http(raw)
        is_one = told is not None and told.status == _SWITCHING
        return Service(port=self._port, kind=Kind.WEBSOCKET, name=self.best.name) if is_one else None

    def _better(self, service: Service) -> None:
        self.best = service.model_copy(update={"tls": self._tls is not None})

    async def _get(self, path: str) -> Http | None:
        raw, _ = await self._exchange(self._request("GET", path))
        return kinds.http(raw)

    def _request(self, method: str, path: str, *, body: bytes = b"", upgrade: bool = False) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {authority(self._address, self._port)}"]
        lines += ["User-Agent: cluster-ai-discovery", "Accept: application/json, text/event-stream, */*"]
        if upgrade:
            # RFC 6455's own example key: the answer is not checked, only that there is one.
            lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        else:
            lines += ["Connection: close"]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    async def _exchange(
        self, send: bytes, *, seconds: float | None = None, most: int = MOST_BYTES
    ) -> tuple[bytes, bytes | None]:
        """Sends, and reads until it closes, falls silent or has said enough; and its certificate under TLS."""
        heard: list[bytes] = []
        certificate: list[bytes] = []
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            async with asyncio.timeout(seconds or self._seconds):
                await self._speak(send, most, heard, certificate)
        return b"".join(heard)[:most], certificate[0] if certificate else None

    async def _speak(self, send: bytes, most: int, heard: list[bytes], certificate: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(self._address, self._port, ssl=self._tls, limit=most)
        try:
            if under := writer.get_extra_info("ssl_object"):
                certificate.append(under.getpeercert(binary_form=True) or b"")
            writer.write(send)
            while sum(map(len, heard)) < most and (chunk := await reader.read(most)):
                heard.append(chunk)
                if not send or _is_whole(b"".join(heard)):
                    break
        finally:
            # Nothing is left to say: no farewell of TLS that a stranger may never answer.
            writer.transport.abort()


def _is_whole(raw: bytes) -> bool:
    """Whether an answer that keeps its connection open has ended; a stranger's length counts up to our limit."""
    found = kinds.http(raw)
    if found is None:
        return raw[:5] != b"HTTP/"[: len(raw)]
    if found.status == _SWITCHING:
        return True
    length = found.headers.get("content-length", "")
    head = raw.partition(b"\r\n\r\n")
    return bool(head[1]) and length.isdecimal() and len(length) < 12 and len(head[2]) >= int(length)  # noqa: PLR2004
