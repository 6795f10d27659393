"""Raw sockets for tests: what a node did on the wire, byte for byte."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.fakes.fleet import FakeNode

MODEL = "smollm2:135m"


def post(path: str, fields: dict[str, Any]) -> bytes:
    body = json.dumps(fields).encode()
    rows = [f"POST {path} HTTP/1.1", "Host: fake", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: fake\r\n\r\n".encode()


def chat(prompt: str = "hi", *, stream: bool = True, **options: Any) -> bytes:
    fields = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "stream": stream, "options": options}
    return post("/api/chat", fields)


@dataclass(frozen=True)
class Heard:
    """Everything until the end, and how the end was."""

    data: bytes
    end: Literal["fin", "rst", "silence", "refused", "no-answer", "enough"]
    seconds: float

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """The body, its chunks joined as far as they came."""
        body = self.data.partition(b"\r\n\r\n")[2]
        return b"".join(chunks(body)) if b"chunked" in self.head else body

    @property
    def lines(self) -> list[Any]:
        """NDJSON records."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def text(self) -> str:
        return "".join(record.get("message", {}).get("content", "") for record in self.lines)

    @property
    def ended_whole(self) -> bool:
        head, _, rest = self.data.partition(b"\r\n\r\n")
        if length := re.search(rb"(?i)\r\ncontent-length: (\d+)", head):
            return len(rest) == int(length[1])
        return self.data.endswith(b"0\r\n\r\n")


def chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        yield body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


@contextlib.contextmanager
def connected(node: FakeNode | int, timeout: float = 5.0) -> Iterator[socket.socket]:
    port = node if isinstance(node, int) else node.port
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        yield sock


def listen(sock: socket.socket, began: float, *, until: bytes | Callable[[bytes], bool] = b"") -> Heard:
    """Read to the end, or to ``until``, or to the socket's time limit."""
    data = b""
    enough = until if callable(until) else lambda data: bool(until) and until in data
    try:
        while not enough(data):
            part = sock.recv(65536)
            if not part:
                return Heard(data, "fin", time.monotonic() - began)
            data += part
        return Heard(data, "enough", time.monotonic() - began)
    except ConnectionResetError:
        return Heard(data, "rst", time.monotonic() - began)
    except TimeoutError:
        pass
    return Heard(data, "silence", time.monotonic() - began)


def hear(
    node: FakeNode | int, request: bytes, timeout: float = 5.0, *, until: bytes | Callable[[bytes], bool] = b""
) -> Heard:
    """Send one request and read until the end, or until nothing came for ``timeout`` seconds."""
    began = time.monotonic()
    try:
        with connected(node, timeout) as sock:
            sock.sendall(request)
            return listen(sock, began, until=until)
    except (ConnectionResetError, BrokenPipeError):
        return Heard(b"", "rst", time.monotonic() - began)
    except ConnectionRefusedError:
        return Heard(b"", "refused", time.monotonic() - began)
    except TimeoutError:
        return Heard(b"", "no-answer", time.monotonic() - began)


def complete(data: bytes) -> bool:
    """Whether an answer has come whole, by its length or its last chunk."""
    head, blank, body = data.partition(b"\r\n\r\n")
    told = head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]
    return bool(blank) and (len(body) >= int(told) if told else data.endswith(b"0\r\n\r\n"))


def whole(node: FakeNode | int, request: bytes, timeout: float = 5.0) -> Heard:
    """An honest answer, read to its end and no further."""
    began = time.monotonic()
    with connected(node, timeout) as sock:
        sock.sendall(request)
        return listen(sock, began, until=complete)
