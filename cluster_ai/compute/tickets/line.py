"""The line to the API: HTTP over connections that are kept, on loopback or under the cluster's TLS. Any thread may ask.

Small on purpose: a ticket that goes alone costs two questions, and a general client spends more on each than the API.
"""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cluster_ai.core.errors import ClusterError, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from cluster_ai.core.errors import Unavailable as NotThere
from cluster_ai.core.wire import JSON_TYPE, dump_json
from cluster_ai.pki.types import HEAD_HOST

ANSWER_SECONDS: Final = 10.0
LARGEST: Final = 32 * 1024 * 1024
"""Bytes of an answer: a batch's orders have 256 KiB of parameters each, at most."""
MOST_KEPT: Final = 32
_KINDS: Final[Mapping[int, type[ClusterError]]] = {
    400: InvalidInput, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict, 413: InvalidInput,
    422: InvalidInput,
}  # fmt: skip


class ApiAway(NotThere):
    """No address of the API answers, or it cannot do what it is asked just now."""

    code = "api_away"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the API is. ``urls``: the best first; https ones need ``tls``."""

    urls: tuple[str, ...]
    tls: ssl.SSLContext | None = None


class Line:
    """Asks the head; of several addresses the one that answered last is tried first."""

    def __init__(self, head: Head, *, seconds: float = ANSWER_SECONDS) -> None:
        self._head = head
        self._seconds = seconds
        self._best = 0
        self._lock = threading.Lock()
        self._kept: list[tuple[int, http.client.HTTPConnection]] = []

    def post(self, path: str, body: Mapping[str, Any], token: str = "") -> dict[str, Any]:
        """The answer. Without a token the body has those that it needs.

        Raises:
            ApiAway: nobody answers, or says that it may go later.
            ClusterError: it was refused, with the API's own code.
        """
        raw = dump_json(body)
        headers = {"Content-Type": JSON_TYPE} | ({"Authorization": f"Bearer {token}"} if token else {})
        said: list[str] = []
        for step in range(len(self._head.urls)):
            number = (self._best + step) % len(self._head.urls)
            try:
                status, answer = self._ask(number, path, raw, headers)
            except (OSError, http.client.HTTPException) as exc:
                said.append(f"{self._head.urls[number]}: {str(exc) or type(exc).__name__}")
                continue
            self._best = number
            return _read(status, answer)
        raise ApiAway(f"the API does not answer ({'; '.join(said)})"[:500])

    def close(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, []
        for _, connection in kept:
            connection.close()

    def _ask(self, number: int, path: str, raw: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        found = self._from_shelf(number)
        if found is not None:
            try:
                return self._over(number, found, path, raw, headers)
            except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                # It was closed while nobody used it. What is asked may be asked twice: all of it is fenced.
                found.close()
        return self._over(number, self._opened(number), path, raw, headers)

    def _over(
        self, number: int, connection: http.client.HTTPConnection, path: str, raw: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        try:
            connection.request("POST", self._path(number) + path, raw, dict(headers))
            response = connection.getresponse()
            answer = response.read(LARGEST)
        except BaseException:
            connection.close()
            raise
        if response.will_close or not response.isclosed():
            connection.close()
        else:
            self._keep(number, connection)
        return response.status, answer

    def _path(self, number: int) -> str:
        return urlsplit(self._head.urls[number]).path.rstrip("/")

    def _opened(self, number: int) -> http.client.HTTPConnection:
        url = urlsplit(self._head.urls[number])
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        connection = http.client.HTTPConnection(host, port, timeout=self._seconds)
        connection.connect()
        if url.scheme == "https":
            tls = self._head.tls
            if tls is None:
                raise OSError("there is no certificate to show")
            # It is known by its certificate: addresses in a LAN change.
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=HEAD_HOST)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _from_shelf(self, number: int) -> http.client.HTTPConnection | None:
        with self._lock:
            for at in range(len(self._kept) - 1, -1, -1):
                if self._kept[at][0] == number:
                    return self._kept.pop(at)[1]
        return None

    def _keep(self, number: int, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._kept) < MOST_KEPT:
                self._kept.append((number, connection))
                return
        connection.close()


def _read(status: int, raw: bytes) -> dict[str, Any]:
    try:
        said = json.loads(raw) if raw else {}
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    if status < 300:  # noqa: PLR2004 - the statuses of HTTP are their own names
        return said
    kind = _KINDS.get(status, ApiAway)
    message = str(said.get("detail") or f"the API answered {status}")
    return _raise(kind(message, hint=str(said.get("hint", ""))).coded(str(said.get("code", ""))))


def _raise(error: ClusterError) -> dict[str, Any]:
    raise error
