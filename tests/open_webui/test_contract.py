"""The requests that the real Open WebUI makes, replayed on the real gateway: its answers hold what Open WebUI reads."""

import asyncio
import contextlib
import http.client
import json
import statistics
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.fakes.fleet import Fleet
from tests.gateway.conftest import QUICK, Answer, Gateway, serving
from tests.open_webui.requests import Recorded, names, recorded
from tests.waiting import until

pytestmark = pytest.mark.real
MODEL = "smollm2:135m"
BARE = "tiny:1b"
"""A model that knows no tools."""
FRESH = "fresh:1b"
COUNTS = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Fleet(3) as fleet, serving(tmp_path_factory.mktemp("gateway"), fleet, **QUICK, queue_seconds=3) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.fleet.default()
    running.settled(healthy=3)
    until(lambda: in_memory(running) == [False] * 3, what="every node is known as it is now")
    return running


def replay(gateway: Gateway, request: Recorded, **fields: Any) -> Answer:
    raw = json.dumps(request.body | fields).encode() if fields else request.raw
    return gateway.ask(request.method, request.path, raw, **request.headers)


@contextlib.contextmanager
def opened(gateway: Gateway, request: Recorded) -> Iterator[http.client.HTTPResponse]:
    with contextlib.closing(gateway.connect()) as connection:
        connection.request(request.method, request.path, request.raw, request.headers)
        yield connection.getresponse()


def load(gateway: Gateway, model: str) -> None:
    """One node has the model in memory, and the gateway has seen it."""
    gateway.chat(model=model)

    def is_seen() -> bool:
        rows = gateway.ask("GET", "/api/ps").json["models"]
        return any(row["model"] == model for row in rows)

    until(is_seen, what=f"{model} is listed as loaded")


def in_memory(gateway: Gateway, model: str = MODEL) -> list[bool]:
    """For each node that has the model, whether it has it in memory."""
    rows = (row for upstream in gateway.state().upstreams for row in upstream.models)
    return [row.loaded for row in rows if row.name == model]


def known(gateway: Gateway, model: str) -> set[tuple[str, ...]]:
    """What the nodes say that a model can."""
    rows = (row for upstream in gateway.state().upstreams for row in upstream.models)
    return {row.capabilities for row in rows if row.name == model}


def test_no_request_of_open_webui_is_refused(gateway: Gateway) -> None:
    refused = {name: answer.status for name in names() if (answer := replay(gateway, recorded(name))).status != 200}
    assert refused == {}


def test_recordings_are_as_large_as_the_real_requests(gateway: Gateway) -> None:
    chat = recorded("chat").fields
    assert len(chat["tools"]) == 36
    assert len(json.dumps(chat)) > 25_000


def test_model_list_names_every_model_twice_and_keeps_what_is_shown(gateway: Gateway) -> None:
    rows = replay(gateway, recorded("tags")).json["models"]
    assert {row["model"] for row in rows} == {row["name"] for row in rows} == {MODEL, "all-minilm:latest"}
    for row in rows:
        assert row["size"] > 0
        assert len(row["digest"]) == 64
        assert datetime.fromisoformat(row["modified_at"])
        assert row["details"]["parameter_size"]


def test_models_in_memory_say_until_when(gateway: Gateway) -> None:
    load(gateway, MODEL)
    rows = replay(gateway, recorded("ps")).json["models"]
    assert {row["model"] for row in rows} == {MODEL}
    assert all(datetime.fromisoformat(row["expires_at"]).tzinfo for row in rows)


def test_version_is_numbers(gateway: Gateway) -> None:
    version = replay(gateway, recorded("version")).json["version"]
    assert [int(part) for part in version.removeprefix("v").partition("-")[0].split(".")]


def test_chat_with_36_tools_reaches_the_node_as_it_was_sent_and_ends_with_counts(gateway: Gateway) -> None:
    request = recorded("chat")
    answer = replay(gateway, request)
    last = answer.lines[-1]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.text
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert all(type(last[name]) is int for name in COUNTS)
    node = next(node for node in gateway.fleet.nodes if node.name == answer.headers["x-cluster-node"])
    assert node.log()[-1].body["tools"] == request.fields["tools"]


def test_tools_offered_to_a_model_that_has_none_are_left_out_and_that_is_said(gateway: Gateway) -> None:
    gateway.fleet.set(models=[{"name": BARE, "capabilities": ["completion"]}])
    until(lambda: known(gateway, BARE) == {("completion",)}, what="the gateway knows what the model can")
    answer = replay(gateway, recorded("chat"), model=BARE)
    assert (answer.status, answer.lines[-1]["done"]) == (200, True)
    assert "tools dropped" in answer.headers["x-cluster-warning"]
    node = next(node for node in gateway.fleet.nodes if node.name == answer.headers["x-cluster-node"])
    assert "tools" not in node.log()[-1].body


def test_next_turn_of_a_chat_goes_where_its_beginning_is_in_the_cache(gateway: Gateway) -> None:
    # A model of its own: what other tests taught of the usual one would decide here, too.
    gateway.fleet.set(models=[FRESH])
    until(lambda: in_memory(gateway, FRESH) == [False] * 3, what="the model is known")
    for node in gateway.fleet.nodes:
        gateway.ask("POST", "/api/generate", {"model": FRESH}, x_cluster_node=node.name)
    until(lambda: in_memory(gateway, FRESH) == [True] * 3, what="it is in memory everywhere")
    said = recorded("chat").fields["messages"]
    nodes = []
    for _ in range(4):
        answer = replay(gateway, recorded("chat"), model=FRESH, messages=said)
        nodes.append(answer.headers["x-cluster-node"])
        said = [*said, {"role": "assistant", "content": answer.text}, {"role": "user", "content": "And then?"}]
    assert len(set(nodes)) == 1, nodes


@pytest.mark.parametrize("name", ["title_task", "follow_up_task", "tags_task"])
def test_background_tasks_get_one_whole_object(gateway: Gateway, name: str) -> None:
    answer = replay(gateway, recorded(name))
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["done"] is True
    assert answer.json["message"]["content"]
    assert all(type(answer.json[name]) is int for name in COUNTS)


def test_embeddings_are_a_list_of_lists(gateway: Gateway) -> None:
    rows = replay(gateway, recorded("embed")).json["embeddings"]
    assert len(rows) == 2
    assert all(isinstance(number, float) for row in rows for number in row)


def test_details_of_a_model_hold_its_capabilities(gateway: Gateway) -> None:
    assert "completion" in replay(gateway, recorded("show")).json["capabilities"]


def test_unload_frees_the_memory_of_the_node(gateway: Gateway) -> None:
    gateway.ask("POST", "/api/generate", {"model": MODEL})
    until(lambda: any(in_memory(gateway)), what="a node has it in memory")
    assert replay(gateway, recorded("generate")).json["done_reason"] == "unload"
    until(lambda: not gateway.ask("GET", "/api/ps").json["models"], what="nothing is loaded")


def test_stop_frees_the_node_at_once(gateway: Gateway) -> None:
    gateway.fleet.set(rate=20, answer_tokens=400)
    with opened(gateway, recorded("chat")) as answer:
        assert json.loads(answer.readline())["done"] is False
        node = next(node for node in gateway.fleet.nodes if node.name == answer.headers["x-cluster-node"])
        assert node.counters().in_flight == 1
    assert node.until(lambda told: told.cancelled == 1).in_flight == 0


def test_answer_that_breaks_off_is_an_error_line_and_a_cut_connection(gateway: Gateway) -> None:
    """Open WebUI takes an error line alone for the end of a whole answer."""
    gateway.fleet.set(die_after=3)
    answer = replay(gateway, recorded("chat"))
    assert answer.broken, "the connection ends without the end of the answer"
    assert "error" in answer.lines[-1]
    assert not any(line.get("done") for line in answer.lines)


def test_refusal_comes_with_its_reason_and_the_time_to_come_back(gateway: Gateway) -> None:
    gateway.fleet.set(status=503, retry_after=2)
    answer = replay(gateway, recorded("chat"))
    assert answer.status == 503
    assert isinstance(answer.json["error"], str)
    assert int(answer.headers["retry-after"]) >= 1


def test_node_asleep_never_blocks_the_model_list(gateway: Gateway) -> None:
    asleep = gateway.fleet.nodes[0]
    asleep.set(frozen=True, listen="hang")
    try:
        began = time.monotonic()
        for _ in range(40):
            rows = replay(gateway, recorded("tags")).json["models"]
            assert MODEL in {row["model"] for row in rows}
        # Its own limit is 10 s for each list; a question to the node would cost a second and more.
        assert time.monotonic() - began < 8
    finally:
        asleep.set(frozen=False, listen="up")


async def _times(gateway: Gateway, path: str, count: int) -> list[float]:
    """Seconds of each of ``count`` questions on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    found = []
    for _ in range(count):
        began = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length")
        )
        await reader.readexactly(length)
        found.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    return found


@pytest.mark.parametrize("path", ["/api/tags", "/api/ps", "/v1/models"])
def test_lists_come_from_memory(gateway: Gateway, path: str, record_property: Any) -> None:
    gateway.fleet.set(models=[f"model-{number}:latest" for number in range(60)], probe_delay=0.05)
    until(lambda: len(gateway.ask("GET", "/api/tags").json["models"]) == 60, what="60 models are known")
    middle = statistics.median(asyncio.run(_times(gateway, path, 200)))
    record_property("median_ms", round(middle * 1000, 3))
    print(f"{path}: median {middle * 1000:.2f} ms")
    # Each node takes 50 ms to answer a probe: an answer in less asked none of them.
    assert middle < 0.02
