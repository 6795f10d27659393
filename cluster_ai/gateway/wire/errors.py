"""What can go wrong on the way to a node, in few words for people. All of it is an ``OSError``."""

import os
import ssl
from typing import ClassVar


class WireError(OSError):
    """No answer, or not all of it."""

    text: ClassVar[str] = "the connection failed"

    def __init__(self, text: str = "") -> None:
        super().__init__(text or self.text)


class NoConnection(WireError):
    """There was no connection to the node: nothing of the request has reached it."""

    text = "no connection"


class SlowToConnect(NoConnection, TimeoutError):
    """The node did not take the connection in time."""

    text = "no answer in time"


class NoAnswer(WireError):
    """The connection ended before an answer began."""

    text = "the connection was closed without an answer"


class CutOff(WireError):
    """The connection ended before the answer did."""

    text = "the connection was closed in the middle of the answer"


class NotHttp(WireError):
    """What came is no HTTP, or no answer to a plain request."""

    text = "the answer is not HTTP"


class TooLong(WireError):
    """The answer is longer than its reader takes."""

    text = "the answer is too long"


def words_of(exc: BaseException) -> str:
    """The system's own words for an error of a socket, without the addresses that event loops put in."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"no TLS: {exc.reason or exc}"
    if isinstance(exc, OSError) and exc.errno and exc.errno > 0:
        return os.strerror(exc.errno).lower()
    return str(exc) or type(exc).__name__
