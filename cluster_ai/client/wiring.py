"""What both clients share: where the cluster is, how they show who they are, and the pieces of a request."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import httpx2

from cluster_ai import __version__
from cluster_ai.client.calls import Call
from cluster_ai.client.problems import START_HINT, line_error, problem
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home, read_secret

CONNECT_SECONDS = 2.0
OK, REDIRECT = 200, 300


class Local(Protocol):
    """This machine's own cluster, as the settings tell of it: without them, a client needs a third less memory."""

    @property
    def backend_url(self) -> str: ...

    @property
    def paths(self) -> Home: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster's API. ``url`` has no trailing slash; ``token`` is empty for what is open to everybody."""

    url: str
    token: str = ""

    @classmethod
    def local(cls, settings: Local, home: Home | None = None) -> Self:
        """This machine's own cluster, whose internal token only this user can read.

        Raises:
            Unavailable: none was ever started in this data directory, or it is another user's.
        """
        home = home or settings.paths
        try:
            token = read_secret(home.internal_token)
        except FileNotFoundError as exc:
            values = {"about": "not_started", "home": str(home.root)}
            raise Unavailable(f"no cluster was started in {home.root}", hint=START_HINT, values=values) from exc
        except OSError as exc:
            raise Unavailable(f"{home.internal_token} cannot be read: {exc.strerror}") from exc
        return cls(settings.backend_url, token)

    def options(self) -> dict[str, Any]:
        """Arguments of the HTTP library's clients."""
        found: dict[str, Any] = {
            "base_url": self.url,
            "headers": self._headers(),
            "timeout": httpx2.Timeout(10.0, connect=CONNECT_SECONDS),
            # A proxy from the environment must never see the internal token.
            "trust_env": False,
        }
        if self.url.startswith("http://"):
            # Reading the system's certificates costs more than the request; plain HTTP needs none.
            found["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return found

    def _headers(self) -> dict[str, str]:
        named = {"User-Agent": f"cluster-ai/{__version__}", "Accept": "application/json"}
        return named | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


def request_of(call: Call[Any]) -> dict[str, Any]:
    """Arguments of the HTTP library's ``request`` and ``stream``."""
    found: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "timeout": httpx2.Timeout(call.seconds, connect=CONNECT_SECONDS),
    }
    if call.query:
        found["params"] = dict(call.query)
    if call.headers:
        found["headers"] = dict(call.headers)
    if call.body is not None:
        found["json"] = dict(call.body)
    return found


def good(status: int) -> bool:
    return OK <= status < REDIRECT


def check(call: Call[Any], response: httpx2.Response) -> None:
    """Raises the error that a read response stands for, unless it is an answer."""
    answer = good(response.status_code) or (
        call.errors_are_answers and response.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    )
    if not answer:
        raise problem(response.status_code, response.content, response.headers)


def parse_line(line: str) -> Mapping[str, Any] | None:
    """One line of NDJSON; None for a blank one.

    Raises:
        Unavailable: the line carries an error, or is no JSON object.
    """
    if not line.strip():
        return None
    try:
        value = json.loads(line)
    except ValueError as exc:
        raise Unavailable("the stream broke off in the middle of a line") from exc
    if not isinstance(value, dict):
        raise Unavailable("a line of the stream is not an object")
    if error := line_error(value):
        raise error
    return value
