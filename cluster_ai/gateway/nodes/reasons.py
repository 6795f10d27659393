"""Why a node could not be asked, in the words of the operating system."""

import os
import ssl
from typing import Final

import aiohttp

_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_BUSY: Final = 503
SHORTEST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 5.0
LAST_STATUS: Final = 599
"""What is above is no status of HTTP, and cannot be told on."""
_DIGITS: Final = 9


def reason_of(exc: BaseException) -> str:
    """A few words for people: ``connection refused``, ``no answer in time``."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    if isinstance(exc, aiohttp.ClientPayloadError):
        return "the connection was closed in the middle of the answer"
    # Event loops and clients put words of their own, with addresses in them, where the system's text should be.
    cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        cause = cause.certificate_error
    return _words(cause)[:200]


def _words(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {cause.verify_message}"
    # The numbers of TLS errors are OpenSSL's own, and mean other things to the system.
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno).lower()
    return str(cause) or type(cause).__name__


class TryNext(Exception):
    """This node gives no answer to this call. ``blame``: whether that is its fault."""

    def __init__(
        self, reason: str, *, blame: bool, status: int = 0, body: bytes = b"", retry_after: str = "",
        is_taken: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.blame = blame
        self.status = status
        self.body = body
        """What it said; shown when no other node can do better."""
        self.retry_after = retry_after

        self.is_taken = is_taken
        """It was not asked: another call finds out whether it is well again, and this one may wait for that."""

    @property
    def is_busy(self) -> bool:
        """The node has no room now: it is well, and may have some soon."""
        return self.status in {_TOO_MANY, _BUSY}


def pause_of(retry_after: str, *, times: int) -> float:
    """Seconds for which a busy node is left alone. ``times``: how often in a row it has been busy, now included.

    A date in ``Retry-After`` is not believed: it is told by a clock that may be wrong.
    """
    if retry_after.isdecimal() and len(retry_after) <= _DIGITS:
        return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, float(retry_after)))
    return min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(times, _DIGITS))


def refusal(status: int, body: bytes = b"", retry_after: str = "") -> TryNext:
    """A node's refusal. One that has not got the model, or has no room, is at no fault."""
    if status > LAST_STATUS:
        return TryNext(f"answered {status}", blame=True)
    blame = status not in {_NOT_FOUND, _TOO_MANY, _BUSY}
    return TryNext(f"answered {status}", blame=blame, status=status, body=body, retry_after=retry_after)
