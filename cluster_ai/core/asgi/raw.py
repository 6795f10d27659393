"""What applications without a framework need: a header, the whole body, an answer in JSON."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.types import Receive, Send

from cluster_ai.core.asgi.leaving import ClientLeft
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import JSON_TYPE, View

__all__ = ["ClientLeft", "bearer", "header", "say", "whole_body"]
_BEARER: Final = "Bearer "


def header(scope: Mapping[str, Any], name: bytes) -> str:
    """The first of that name, which is in lower case; empty without one."""
    return next((str(value.decode("latin-1")) for key, value in scope.get("headers", ()) if key.lower() == name), "")


def bearer(scope: Mapping[str, Any]) -> str:
    """The token that the request shows; empty without one."""
    shown = header(scope, b"authorization")
    return shown.removeprefix(_BEARER).strip() if shown.startswith(_BEARER) else ""


async def whole_body(receive: Receive, *, most: int | None = None) -> bytes:
    """All of it. ``most``: bytes, where the listener's own cap is too wide.

    Raises:
        ClientLeft: it did not come to its end.
        InvalidInput: it is longer than ``most``.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if most is not None and len(body) > most:
            raise InvalidInput(f"the body is larger than {most} bytes")
        if not message.get("more_body"):
            return bytes(body)


async def say(send: Send, reply: View) -> None:
    """A whole answer, 200."""
    raw = reply.model_dump_json().encode()
    headers = [(b"content-type", JSON_TYPE.encode()), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": raw})
