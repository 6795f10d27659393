"""Dask's own dashboard on loopback, as the API fetches it for who is signed in.

Its pages run scripts of their own and have had holes. They are shown under a ticket in the path and in a sandbox: a
browser gives them no cookie of ours, and what runs in them can reach nothing of the API.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote

import aiohttp

from backend.caller import Caller
from cluster_ai.core.errors import Unauthenticated, Unavailable

SECONDS: Final = 10.0
LARGEST_PAGE: Final = 32 * 1024 * 1024
LARGEST_MESSAGE: Final = 16 * 1024 * 1024
MOST_TICKETS: Final = 256
KEPT_HEADERS: Final = ("content-type", "etag", "cache-control")
POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""No ``allow-same-origin``: to the browser these pages are strangers. Bokeh's tables build functions from text."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the dashboard."""

    status: int
    headers: dict[str, str]
    body: bytes
    location: str = ""
    """Where it sends the browser, as a path of its own."""


class Tickets:
    """Which sign-in may see the dashboard under which path. In memory: a restart asks everybody to open it again."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._of: dict[str, str] = {}

    def of(self, caller: Caller) -> str:
        """The ticket of a session: the same one each time."""
        ticket = self._of.get(caller.credential)
        if ticket is None:
            ticket = self._of[caller.credential] = secrets.token_urlsafe(24)
            self._callers[ticket] = caller
            if len(self._callers) > MOST_TICKETS:
                _, forgotten = self._callers.popitem(last=False)
                del self._of[forgotten.credential]
        self._callers.move_to_end(ticket)
        return ticket

    def caller(self, ticket: str) -> Caller:
        """Whose it is; whether their session still counts is another question.

        Raises:
            Unauthenticated: it is nobody's.
        """
        found = self._callers.get(ticket)
        if found is None:
            raise Unauthenticated("this link has grown old", hint="open /dask/ again")
        return found


class DaskPages:
    """The HTTP client of the dashboard; an async context manager. It fetches from ``url`` and nowhere else."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self.tickets = Tickets()

    async def __aenter__(self) -> Self:
        # One address, on loopback; a proxy from the environment has no business there.
        limits = aiohttp.ClientTimeout(total=None, sock_connect=2.0)
        self._session = aiohttp.ClientSession(timeout=limits, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def page(self, path: str, query: str, *, etag: str = "") -> Page:
        """``path`` without its first slash, decoded.

        Raises:
            Unavailable: the dashboard does not answer.
        """
        headers = {"If-None-Match": etag} if etag else {}
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._open.get(self._at(path, query), headers=headers, allow_redirects=False) as answer,
            ):
                body = await _whole(answer)
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise _away(exc) from exc
        kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        return Page(answer.status, kept, _mended(path, body), answer.headers.get("location", ""))

    @asynccontextmanager
    async def socket(
        self, path: str, query: str, protocols: tuple[str, ...]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket of the dashboard. Raises as ``page``."""
        try:
            found = await self._open.ws_connect(
                self._at(path, query), protocols=protocols, origin=self._url, max_msg_size=LARGEST_MESSAGE
            )
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise _away(exc) from exc
        async with found:
            yield found

    @property
    def _open(self) -> aiohttp.ClientSession:
        assert self._session is not None, "entered first"
        return self._session

    def _at(self, path: str, query: str) -> str:
        # Quoted anew, dots and slashes at the start included: it cannot leave the host that stands before it.
        return f"{self._url}/{quote(path.lstrip('/'), safe='/:')}" + (f"?{query}" if query else "")


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """All of the body: ``read`` with a limit would be content with what has come so far."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LARGEST_PAGE:
            raise Unavailable(f"a page of Dask's dashboard is larger than {LARGEST_PAGE >> 20} MiB")
    return bytes(body)


def _away(exc: BaseException) -> Unavailable:
    return Unavailable(
        f"Dask's dashboard does not answer: {str(exc) or type(exc).__name__}"[:300], hint="cluster-ai compute workers"
    )


def _mended(path: str, body: bytes) -> bytes:
    """Some pages of Dask climb one folder too many, which only shows below a path like ours."""
    return body.replace(b"../../../statics/", b"../../statics/") if path.startswith("info/main/") else body
