"""Whatever bytes come in, the answer is one of ours: no 500, no hang, no word of the inside, and nothing left behind."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence

import psutil
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.fakes.fleet import Fleet
from tests.gateway.conftest import Gateway, serving
from tests.gateway.fuzz.requests import FRAMINGS, INFERENCE, LISTS, MANAGING, ODD_PATHS, OURS, Request, requests
from tests.waiting import until

pytestmark = pytest.mark.real

LONGEST = 8.0
"""Seconds for an answer, on a busy machine."""
FINE = {200, 204}
REFUSED = {400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 421, 426, 429, 431, 501, 503, 505}
OF_NODES = {500, 502}
"""What a node says of itself when it is told to change models."""
GROWTH = 48 * 1024 * 1024
many = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Every test leaves it as it was; that is looked at when all have ended."""
    folder = tmp_path_factory.mktemp("fuzz")
    with Fleet(2) as fleet, serving(folder, fleet, probe_seconds=0.2, queue_seconds=2.0) as started:
        process = psutil.Process(started.pid)
        for path in INFERENCE:
            said(started.port, [Request("POST", path, (), b'{"model":"smollm2:135m","prompt":"a","input":"a"}').raw])
        files, memory = process.num_fds(), process.memory_info().rss
        yield started
        until(lambda: started.state().inflight == 0, what="no call is left")
        state = started.state()
        assert state.waiting == {}
        assert [row.inflight for row in state.upstreams] == [0, 0]
        assert {row.breaker for row in state.upstreams} == {"closed"}, "no client can close a node for others"
        assert [node.counters().in_flight for node in fleet.nodes] == [0, 0]
        until(lambda: process.num_fds() <= files + 16, seconds=25, what="no connection is left")
        assert process.memory_info().rss - memory < GROWTH
        log = (folder / "gateway.log").read_text()
        assert "Traceback" not in log
        assert '"level":"error"' not in log.replace(" ", "")


def said(port: int, pieces: Sequence[bytes], *, is_all: bool = False) -> bytes:
    """All that comes back; the other side may close before everything was sent. ``is_all``: nothing more will come."""
    with socket.create_connection(("127.0.0.1", port), timeout=LONGEST) as sock:
        with contextlib.suppress(OSError):
            for piece in pieces:
                sock.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(0.0005)
            if is_all:
                sock.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(ConnectionError):
            while part := sock.recv(65536):
                heard += part
        return heard.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def answered(gateway: Gateway, request: Request, allowed: set[int]) -> None:
    heard = said(gateway.port, request.pieces)
    # Cut while the rest of a large request was still being written, an answer may be lost.
    assert heard or len(request.raw) > 30_000
    if heard:
        check(heard, request.path, allowed, to_head=request.method == "HEAD")


def check(heard: bytes, path: str, allowed: set[int], *, to_head: bool = False) -> None:
    status = int(heard.split(b" ", 2)[1])
    event(str(status))
    assert status in allowed, heard[:500]
    assert b"Traceback" not in heard
    head, _, body = heard.partition(b"\r\n\r\n")
    if status in FINE or to_head or not body:
        return
    assert b"application/json" in head
    error = json.loads(body)["error"]
    if path.startswith("/v1/") and isinstance(error, dict):
        assert error["message"]
    else:
        assert error, "the listener's own refusals are of no dialect"


@given(request=requests(*INFERENCE))
@settings(many, max_examples=500)
def test_inference(gateway: Gateway, request: Request) -> None:
    answered(gateway, request, FINE | REFUSED)


@given(request=requests(*MANAGING))
@many
def test_changing_models(gateway: Gateway, request: Request) -> None:
    answered(gateway, request, FINE | REFUSED | OF_NODES)


@given(request=requests(*LISTS, *OURS, *ODD_PATHS, method="GET"))
@many
def test_other_paths(gateway: Gateway, request: Request) -> None:
    answered(gateway, request, FINE | REFUSED)


@given(raw=st.sampled_from(FRAMINGS), cut=st.floats(0, 1), pieces=st.integers(1, 4))
@many
def test_broken_framing(gateway: Gateway, raw: bytes, cut: float, pieces: int) -> None:
    whole = raw if cut > 0.5 else raw[: int(2 * cut * len(raw))]
    step = max(1, -(-len(whole) // pieces))
    heard = said(gateway.port, [whole[at : at + step] for at in range(0, len(whole), step)] or [b""], is_all=True)
    if heard:
        check(heard, "/", FINE | REFUSED)


@given(first=requests("/api/chat", "/v1/chat/completions"), second=requests("/api/tags", method="GET"))
@settings(many, max_examples=100)
def test_two_requests_in_one_breath(gateway: Gateway, first: Request, second: Request) -> None:
    both = first.raw.replace(b"Connection: close\r\n", b"") + second.raw
    heard = said(gateway.port, [both])
    assert heard or len(both) > 30_000
    # The first answer; where the second one begins is for its framing to say.
    if heard:
        check(heard.partition(b"\r\n\r\n")[0], "/", FINE | REFUSED)


@given(request=requests(*INFERENCE), after=st.integers(0, 400))
@settings(many, max_examples=150)
def test_clients_that_leave_at_any_moment(gateway: Gateway, request: Request, after: int) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=LONGEST) as sock, contextlib.suppress(OSError):
        sock.sendall(request.raw)
        sock.recv(after) if after else None
