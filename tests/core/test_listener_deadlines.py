"""Slow, large and ambiguous requests meet a limit; honest ones do not notice."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import UNSENT_LIMIT
from tests.core.serving import SMALL, caller, listener, rest

GET = b"GET /echo HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listener() as port:
        yield port


def post(length: int) -> bytes:
    return f"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("sent", [b"", b"GET", GET, GET + b"X-Half: "])
def test_half_a_head_is_closed_in_time(port: int, sent: bytes) -> None:
    with caller(port) as sock:
        sock.sendall(sent)
        answer, took = rest(sock)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer
    assert SMALL.header_seconds * 0.8 <= took < SMALL.header_seconds + 5


def drip(sock: socket.socket, text: bytes, *, pause: float) -> None:
    try:
        for byte in text:
            sock.sendall(bytes([byte]))
            time.sleep(pause)
    except OSError:
        return  # closed: what the test wants


@pytest.mark.parametrize("head", [GET + b"X: " + b"y" * 500, post(500) + b"y" * 499])
def test_dripping_does_not_move_the_deadline(port: int, head: bytes) -> None:
    with caller(port) as sock:
        thread = threading.Thread(target=drip, args=(sock, head), kwargs={"pause": 0.02})
        thread.start()
        answer, took = rest(sock)
        thread.join()
    assert answer.startswith(b"HTTP/1.1 408")
    assert took < 8, "it drips for longer"


def test_half_a_body_is_closed_in_time(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(post(100) + b"half")
        answer, took = rest(sock)
    assert answer.startswith(b"HTTP/1.1 408")
    assert SMALL.body_seconds * 0.8 <= took < SMALL.body_seconds + 5


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"y" * 40_000,
        GET + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
        GET + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["long and unfinished", "long", "many", "long target"],
)
def test_large_head_is_refused(port: int, head: bytes) -> None:
    with caller(port) as sock:
        sock.sendall(head)
        answer, took = rest(sock)
    assert answer.startswith(b"HTTP/1.1 431")
    assert took < 5


@pytest.mark.parametrize("size", [0, 1, 32_768, 33_000, 99_999])
def test_body_of_any_allowed_size_in_one_piece_is_no_large_head(port: int, size: int) -> None:
    with caller(port) as sock:
        sock.sendall(post(size).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"y" * size)
        answer, _ = rest(sock)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(str(size).encode())


def test_pipelined_requests_with_bodies_all_arrive(port: int) -> None:
    with caller(port) as sock:
        sock.sendall((post(40_000) + b"y" * 40_000) * 3 + GET + b"Connection: close\r\n\r\n")
        answer, _ = rest(sock)
    assert answer.count(b"HTTP/1.1 200") == 4


@pytest.mark.parametrize(
    "length", [None, b"400000000", b"400000000 ", b"0" * 20 + b"400000000", b"0" * 5000 + b"400000000"]
)
def test_large_body_is_refused_without_reading_it(port: int, length: bytes | None) -> None:
    chunked = length is None
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: " + length + b"\r\n\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent = 0
    with caller(port) as sock:
        sock.sendall(head)
        try:
            while sent < 400_000_000:
                block = b"y" * 65536
                sent += sock.send(b"10000\r\n" + block + b"\r\n" if chunked else block)
        except OSError:
            pass
    assert sent < 40_000_000, "the listener hung up long before"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000, "KiB"


def test_large_declared_body_is_refused_at_once(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(post(400_000_000))
        answer, took = rest(sock)
    assert answer.startswith(b"HTTP/1.1 413")
    assert took < 5


def test_reader_who_never_reads_is_dropped(port: int) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        sock.sendall(GET.replace(b"/echo", b"/flood") + b"\r\n")
        time.sleep(SMALL.write_seconds + 1.0)
        got, _ = rest(sock)
    assert len(got) < 65536 * 4096, "cut off before the end"


def test_reader_who_is_slow_is_no_reader_who_never_reads() -> None:
    with listener(replace(SMALL, write_seconds=1.2)) as port, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        sock.sendall(GET.replace(b"/echo", b"/flood") + b"\r\n")
        # Not enough for the system to take more from the listener in all that time.
        for _ in range(50):
            assert sock.recv(1024), "let go"
            time.sleep(0.05)
        # What the system held then is not all: more comes from the listener.
        found = 0
        while found < 8 * UNSENT_LIMIT:
            part = sock.recv(65536)
            assert part, "let go"
            found += len(part)


def test_honest_caller_is_served_beside_many_attackers() -> None:
    with listener(Limits(header_seconds=2.0, connections=500)) as port:
        attackers = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for attacker in attackers:
            attacker.sendall(GET)
        times = []
        for _ in range(50):
            began = time.monotonic()
            with caller(port) as sock:
                sock.sendall(GET + b"Connection: close\r\n\r\n")
                assert rest(sock)[0].startswith(b"HTTP/1.1 200")
            times.append(time.monotonic() - began)
        assert sorted(times)[-2] < 0.25
        for attacker in attackers:
            attacker.settimeout(5)
            assert attacker.recv(100).startswith(b"HTTP/1.1 408")
            attacker.close()


def test_one_connection_too_many_is_told(port: int) -> None:
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(SMALL.connections)]
    try:
        with caller(port) as sock:
            answer, _ = rest(sock)
        assert answer.startswith(b"HTTP/1.1 503")
    finally:
        for sock in held:
            sock.close()


def test_keep_alive_connection_serves_again_after_a_pause(port: int) -> None:
    with caller(port) as sock:
        for _ in range(2):
            sock.sendall(GET + b"\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\n0"):
                answer += sock.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            time.sleep(SMALL.header_seconds + 0.2)
