"""Answers for HTTP/1.0, which knows no chunks: one whose length nobody told ends with its connection."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Unframed:
    """``app`` for one request, that of ``cycle``."""

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle) -> None:
        self.app = app
        self._cycle = cycle
        self._is_framed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            self._look(message)
            await send(message)

        await self.app(scope, receive, sent)

    def _look(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_framed = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            if not self._is_framed:
                self._cycle.chunked_encoding = False
        elif not self._is_framed:
            # uvicorn counts what is sent against a length: here each piece has its own.
            self._cycle.expected_content_length = len(message.get("body", b""))
