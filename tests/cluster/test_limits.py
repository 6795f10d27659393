"""Callers who send half of something, or far too much of it, at every door of the running cluster."""

import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import psutil
import pytest

from tests.cluster.conftest import Cluster

pytestmark = [pytest.mark.real]

HEAD_SECONDS, BODY_SECONDS = 5, 20
HUGE = 400 * 1024 * 1024
DOORS = {"backend": "/api/v1/auth/login", "gateway": "/api/chat", "node": "/api/chat"}


def port(cluster: Cluster, part: str) -> int:
    return int(getattr(cluster.ports, part))


@dataclass
class Dawdler(threading.Thread):
    """Sends ``said`` and nothing more; remembers when it was let go, and with what words."""

    port: int
    said: bytes
    seconds: float = 0.0
    heard: bytes = b""
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            began = time.monotonic()
            client.sendall(self.said)
            with contextlib.suppress(ConnectionError):
                while chunk := client.recv(4096):
                    self.heard += chunk
            self.seconds = time.monotonic() - began


def test_half_a_request_is_let_go(cluster: Cluster) -> None:
    heads = {part: Dawdler(port(cluster, part), b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Half: ") for part in DOORS}
    bodies = {
        part: Dawdler(
            port(cluster, part),
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{".encode(),
        )
        for part, path in DOORS.items()
    }
    for dawdler in (*heads.values(), *bodies.values()):
        dawdler.start()
    # Whoever asks properly is served beside them.
    assert cluster.get(f"{cluster.gateway}/api/tags")[0] == 200
    for dawdler in (*heads.values(), *bodies.values()):
        dawdler.join(timeout=60)
        assert not dawdler.is_alive()
    for part, dawdler in heads.items():
        assert HEAD_SECONDS - 1 < dawdler.seconds < HEAD_SECONDS + 5, (part, dawdler.seconds)
    for part, dawdler in bodies.items():
        assert BODY_SECONDS - 1 < dawdler.seconds < BODY_SECONDS + 5, (part, dawdler.seconds)
        assert b" 408 " in dawdler.heard.split(b"\r\n")[0], (part, dawdler.heard)
    print({part: round(dawdler.seconds, 1) for part, dawdler in (heads | bodies).items()})


@pytest.mark.parametrize("part", DOORS)
def test_a_huge_body_is_refused_and_not_kept(cluster: Cluster, part: str) -> None:
    pid = cluster.part(part).pid
    process = psutil.Process(pid)
    before = process.memory_info().rss
    chunk = b"x" * 65_536
    sent, highest, heard = 0, before, b""
    with socket.create_connection(("127.0.0.1", port(cluster, part)), timeout=30) as client:
        head = f"POST {DOORS[part]} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            while sent < HUGE:
                client.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                sent += len(chunk)
                if sent % (4 * 1024 * 1024) == 0:
                    highest = max(highest, process.memory_info().rss)
        with contextlib.suppress(ConnectionError):
            while more := client.recv(4096):
                heard += more
    assert sent < HUGE, "it must not be read to its end"
    if heard:
        assert b" 413 " in heard.split(b"\r\n")[0], heard[:200]
    grown = highest - before
    # At most what the listener may take, once in pieces and once as a whole.
    assert grown < 160 * 1024 * 1024, f"{grown >> 20} MiB"
    print(f"{part}: refused after {sent >> 20} MiB, memory + {grown >> 20} MiB")
    assert cluster.part(part).pid == pid


@pytest.mark.parametrize("part", DOORS)
def test_a_declared_huge_body_is_refused_at_once(cluster: Cluster, part: str) -> None:
    with socket.create_connection(("127.0.0.1", port(cluster, part)), timeout=10) as client:
        client.sendall(f"POST {DOORS[part]} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {HUGE}\r\n\r\n".encode())
        assert b" 413 " in client.recv(4096).split(b"\r\n")[0]


NONSENSE = {
    "malformed": (b"{", 400),
    "not an object": (b"[]", 400),
    "not a number": (b'{"model":"smollm2:135m","messages":[],"options":{"temperature":NaN}}', 400),
    "too large a number": (b'{"model":"smollm2:135m","messages":[],"options":{"temperature":1e999}}', 400),
    "half a surrogate": (b'{"model":"\\ud800","messages":[]}', 400),
    "wrong type": (b'{"model":7,"messages":[]}', 400),
    "unknown model": (
        b'{"model":"no-such:1b","messages":[{"role":"user","content":"x"}],"input":"x","prompt":"x"}',
        404,
    ),
}


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/v1/chat/completions", "/v1/embeddings"])
@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_gets_the_dialects_own_error(cluster: Cluster, path: str, case: str) -> None:
    body, status = NONSENSE[case]
    for base in (cluster.gateway, cluster.node):
        said, shape = post(f"{base}{path}", body)
        assert said == status, (base, shape)
        message = shape["error"]["message"] if path.startswith("/v1/") else shape["error"]
        assert isinstance(message, str)
        assert message
        assert "Traceback" not in message


def post(url: str, body: bytes) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
            return answer.status, json.loads(answer.read().splitlines()[-1])
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.loads(exc.read())


@pytest.mark.parametrize("part", DOORS)
def test_an_upgrade_that_leads_nowhere_is_let_go(cluster: Cluster, part: str) -> None:
    upgrade = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    with_body = Dawdler(port(cluster, part), f"POST / HTTP/1.1\r\n{upgrade}Content-Length: 2\r\n\r\n{{}}".encode())
    without = Dawdler(port(cluster, part), f"GET / HTTP/1.1\r\n{upgrade}\r\n".encode())
    for dawdler in (with_body, without):
        dawdler.start()
    for dawdler in (with_body, without):
        dawdler.join(timeout=30)
        assert not dawdler.is_alive()
    assert b" 400 " in with_body.heard.split(b"\r\n")[0]
    assert without.seconds < HEAD_SECONDS + 5
