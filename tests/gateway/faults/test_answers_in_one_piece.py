"""A node that answers a stream's request in one piece is at no fault: some requests leave it nothing to stream."""

import json

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.gateway.door import HI, gateway, header
from tests.gateway.faults.scripted import Say, scripted

pytestmark = pytest.mark.real

WHOLE = json.dumps({"id": "x", "object": "chat.completion", "choices": []}).encode()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", [b"application/json", b"application/json; charset=utf-8"])
def test_it_passes_as_it_is(kind: bytes, stream: bool) -> None:
    with scripted() as odd:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(WHOLE))
        odd.says = Say((head + WHOLE,))
        with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)]) as door:
            for _ in range(4):
                heard = door.ask("/v1/chat/completions", HI | {"stream": stream})
                assert (heard.status, heard.body) == (200, WHOLE)
                assert header(heard, "content-type").encode() == kind
            assert door.state().upstreams[0].failed == 0


def test_one_that_is_no_json_is_a_failure() -> None:
    with scripted() as odd:
        odd.says = Say((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{'a':",))
        with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)]) as door:
            assert door.ask("/v1/chat/completions", HI | {"stream": True}).status == 503
            assert door.state().upstreams[0].failed == 1
