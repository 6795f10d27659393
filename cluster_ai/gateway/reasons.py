"""Why a node could not be asked, in the words of the operating system."""

import os

import aiohttp


def reason_of(exc: BaseException) -> str:
    """A few words for people: ``connection refused``, ``no answer in time``."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, aiohttp.ClientConnectorError):
        # Event loops put words of their own, with the address in them, where the system's text should be.
        return os.strerror(exc.os_error.errno).lower() if exc.os_error.errno else str(exc.os_error) or "no connection"
    return (str(exc) or type(exc).__name__)[:200]
