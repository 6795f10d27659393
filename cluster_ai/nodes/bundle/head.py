"""The head that a join line names: found, proved to be the right one, asked. Python's own library alone.

The head is known by the fingerprint of its authority's certificate, which the line carries: nothing is believed, and
the line's secret is not shown, before the certificate that the head shows under ``/ca`` has that fingerprint and
the connection is under a certificate that this authority has signed.
"""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.manifest import BadBundle
from cluster_ai.nodes.lines import Line

HEAD_NAME: Final = "head.cluster-ai.internal"
"""By which the head's certificate names it, whatever its address is."""
PATIENCE: Final = 20.0
"""Seconds without a byte after which a connection counts as dead."""


class NoHead(Exception):
    """None of the line's addresses answers."""


class WrongHead(Exception):
    """Something answers there, and it is not the head of the line."""


class Refused(Exception):
    """The head answers, and will not."""


@dataclass(frozen=True)
class Reached:
    """A head that is the right one. ``skew`` is how far this machine's clock is ahead of it, in seconds."""

    host: str
    port: int
    authority: str
    own_address: str
    skew: float


class Head:
    """What is asked of a head over one connection after the other."""

    def __init__(self, reached: Reached, token: str = "", context: ssl.SSLContext | None = None) -> None:
        self.reached = reached
        self._token = token
        self._context = context or trusting(reached.authority)

    @contextmanager
    def get(self, path: str, begin: int = 0) -> Iterator[http.client.HTTPResponse]:
        """The answer, from byte ``begin`` on.

        Raises:
            Refused: it is neither 200 nor 206.
            OSError, http.client.HTTPException: the network.
        """
        headers = {"Accept-Encoding": "identity", "Host": HEAD_NAME}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if begin:
            headers["Range"] = f"bytes={begin}-"
        connection = _Named(self.reached.host, self.reached.port, context=self._context)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206):
                raise _refusal(answer)
            yield answer
        finally:
            connection.close()

    def read(self, path: str, most: int = words.LARGEST_MANIFEST) -> bytes:
        """The whole of something small."""
        with self.get(path) as answer:
            raw = answer.read(most + 1)
        if len(raw) > most:
            raise BadBundle(f"{path} is larger than it may be")
        return raw


class Preparing(Refused):
    """The head is making the bundle: ask again after ``seconds``."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Named(http.client.HTTPSConnection):
    """Checks the certificate against the head's name, not against the address that was dialled."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=PATIENCE, context=context)
        self._under = context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), PATIENCE)
        try:
            self.sock = self._under.wrap_socket(plain, server_hostname=HEAD_NAME)
        except BaseException:
            plain.close()
            raise


def trusting(authority: str) -> ssl.SSLContext:
    """Of a client that believes this authority (PEM) alone."""
    context = ssl.create_default_context(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def reach(line: Line, now: Callable[[], float] = time.time, patience: float = 5.0) -> Reached:
    """The first of the line's addresses that answers and is the head that the line means.

    Raises:
        NoHead: no address answers; the message says what each did.
        WrongHead: what answers has another authority.
    """
    tried = []
    for host, port in map(_place, line.heads):
        try:
            return _reach(host, port, line.fingerprint, now, patience)
        except WrongHead:
            raise
        except (OSError, http.client.HTTPException) as exc:
            tried.append(f"{host}:{port}: {str(exc) or type(exc).__name__}")
    raise NoHead("; ".join(tried))


def _reach(host: str, port: int, fingerprint: str, now: Callable[[], float], patience: float) -> Reached:
    # Nothing is believed here yet: this connection only brings the certificate whose fingerprint is compared.
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=patience, context=blind)
    try:
        connection.request("GET", words.AUTHORITY_PATH, headers={"Host": HEAD_NAME})
        answer = connection.getresponse()
        pem = answer.read(64 * 1024).decode("ascii", "replace")
        own = str(connection.sock.getsockname()[0]) if connection.sock else ""
        date = answer.headers.get("Date")
    finally:
        connection.close()
    try:
        shown = words.sha256_of(pem)
    except BadBundle as exc:
        raise WrongHead(f"{host}:{port} answers, but shows no authority (status {answer.status})") from exc
    if shown != fingerprint:
        raise WrongHead(f"{host}:{port} has the authority {shown[:16]}..., the line says {fingerprint[:16]}...")
    # What fits is written anew: behind the certificate that was asked for there may stand another one in the answer.
    return Reached(host, port, ssl.DER_cert_to_PEM_cert(words.der_of(pem)), own, _skew(date, now()))


def _refusal(answer: http.client.HTTPResponse) -> Refused:
    raw = answer.read(4096)
    told: Any = None
    with suppress(ValueError):
        told = json.loads(raw)
    why = str(told.get("detail") or told.get("title") or "") if isinstance(told, dict) else ""
    if answer.status == http.client.SERVICE_UNAVAILABLE and (after := answer.headers.get("Retry-After", "")).isdigit():
        return Preparing(why or "the head is preparing the software", min(float(after), 10.0))
    return Refused(f"the head answers {answer.status}: {why or answer.reason}")


def _place(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or 443


def _skew(date: str | None, now: float) -> float:
    """Whole seconds: a ``Date`` header has no finer ones."""
    try:
        return round(now - parsedate_to_datetime(date or "").timestamp())
    except (ValueError, TypeError):
        return 0.0
