"""Whatever a client sends to change models, it gets an answer of the gateway's own kind, and the gateway goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.fleet import Fleet
from tests.gateway.door import Door, gateway

pytestmark = pytest.mark.real

KEYS = ["model", "name", "source", "destination", "from", "files", "stream", "insecure", "Model", "modelfile", "x"]
NAMES = ["smollm2:135m", "all-minilm", "new:1b", "me/new", "../x", "evil.test/x/y", "no-such", ""]
odd = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=9)
    | st.sampled_from(NAMES)
)
values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
bodies = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(NAMES) | values, max_size=5).map(json.dumps) | st.text(
    max_size=30
)
requests = st.tuples(
    st.sampled_from(["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/sha256:00"]),
    bodies,
    st.sampled_from(["", "fake-0", "fake-1,fake-0", "all", "nobody", "all,fake-0", "\xff", ",,"]),
)


@pytest.fixture(scope="module")
def door(running_fleet: Fleet) -> Iterator[Door]:
    running_fleet.default()
    with gateway(*running_fleet.nodes[:2], probe_seconds=0.05) as started:
        yield started


@given(requests)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_is_done_or_refused_with_a_reason(door: Door, request_: tuple[str, Any, str]) -> None:
    path, body, nodes = request_
    method = "DELETE" if path == "/api/delete" else "POST"
    heard = door.ask(path, body.encode("utf-8", "surrogatepass"), method=method, X_Cluster_Node=nodes)
    lines = [json.loads(line) for line in heard.body.splitlines() if line.strip()]
    if heard.status == 200:
        assert not lines or {"status": "success"} in lines[-1:] or lines[-1]["code"] == "node_failed"
        return
    # A node's own refusals pass with its name; the gateway's have a code of its own, and none is "internal".
    assert heard.status in {400, 403, 404, 500, 502}, heard.body
    assert lines[0]["error"]
    assert lines[0]["code"] in {"invalid_input", "registry_refused", "not_found", "node_failed"}
    assert heard.status != 500 or lines[0]["code"] == "node_failed"
