"""Every answer carries the id of its request and is counted by what its client was told, however it is given."""

import asyncio
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cluster_ai.core.asgi.middleware import BodyTooLarge
from cluster_ai.core.asgi.observe import Requests
from cluster_ai.core.metrics import HttpMetrics
from tests.fakes.fleet import Fleet
from tests.fakes.raw import hear
from tests.gateway.conftest import HELLO, Gateway
from tests.gateway.door import gateway as opened

pytestmark = pytest.mark.real

CHAT = "/api/chat"


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("POST", CHAT, HELLO, 200),
        ("POST", CHAT, HELLO | {"stream": False}, 200),
        ("POST", "/v1/chat/completions", HELLO, 200),
        ("POST", "/v1/chat/completions", HELLO | {"stream": True}, 200),
        ("POST", CHAT, {"model": "nobody-has-it", "messages": []}, 404),
        ("POST", CHAT, {"messages": []}, 400),
        ("GET", CHAT, None, 405),
        ("GET", "/api/tags", None, 200),
        ("HEAD", "/api/version", None, 200),
        ("GET", "/-/state", None, 401),
    ],
)
def test_an_answer_carries_its_id_and_is_counted_once(
    gateway: Gateway, method: str, path: str, fields: dict[str, Any] | None, status: int
) -> None:
    before = counted(gateway, method, path, status)
    named = gateway.ask(method, path, fields, x_request_id="one-of-ours")
    assert named.status == status
    assert named.headers["x-request-id"] == "one-of-ours"
    assert counted(gateway, method, path, status) == before + 1
    drawn = {gateway.ask(method, path, fields, x_request_id="not one!").headers["x-request-id"] for _ in range(2)}
    assert len(drawn) == 2
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one) for one in drawn
    )


def test_a_body_that_is_too_large_is_counted_as_that_when_its_length_was_not_told(fleet: Fleet) -> None:
    with opened(fleet.nodes[0], max_body_bytes=1 << 20) as door:
        head = b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        heard = hear(door.port, head + b"100400\r\n" + b" " * 0x100400)
        assert heard.status == 413
        rows = door.ask("/metrics").body.decode()
        assert 'http_requests_total{method="POST",route="/api/chat",status="413"} 1.0' in rows
        assert 'status="499"' not in rows


@pytest.mark.parametrize(
    ("error", "status"), [(BodyTooLarge(), 413), (KeyError("ours"), 500), (asyncio.CancelledError(), 499), (None, 499)]
)
def test_what_ends_a_request_without_an_answer_is_counted_as_its_client_hears_it(
    error: BaseException | None, status: int
) -> None:
    registry = CollectorRegistry()
    request = Requests(HttpMetrics(registry)).observed({"method": "POST", "headers": []})
    request.__enter__()
    request.__exit__(type(error), error, None)
    labels = {"method": "POST", "route": "unmatched", "status": str(status)}
    assert registry.get_sample_value("cluster_ai_http_requests_total", labels) == 1


def counted(gateway: Gateway, method: str, path: str, status: int) -> int:
    series = f'cluster_ai_http_requests_total{{method="{method}",route="{path}",status="{status}"}} '
    rows = gateway.ask("GET", "/metrics").body.decode().splitlines()
    return int(float(next((row.removeprefix(series) for row in rows if row.startswith(series)), "0")))
