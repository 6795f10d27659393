"""Why a node could not be asked, in the words of the operating system."""

import os

import aiohttp


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
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno).lower()
    return (str(cause) or type(cause).__name__)[:200]
