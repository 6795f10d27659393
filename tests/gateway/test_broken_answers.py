"""An answer that breaks off is never taken for a whole one: it says so in its own shape and has no end."""

import json

import ollama
import openai
import pytest

from cluster_ai.gateway.dialects.paths import Dialect, broken_stream
from cluster_ai.gateway.dialects.records import Record
from cluster_ai.gateway.dialects.usage import Usage
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL, Heard
from tests.gateway.door import HI, Door, gateway, header
from tests.waiting import until

pytestmark = pytest.mark.real

BREAKS = [
    {"die_after": 3, "die_how": "rst"},
    {"die_after": 3, "die_how": "fin"},
    {"die_after": 1, "die_how": "rst"},
    {"no_done": True},
]


def set_all(door: Door, **knobs: object) -> None:
    for node in door.nodes:
        node.set(**knobs)


def said(heard: Heard) -> list[dict]:
    """Records of either dialect, without ``[DONE]``."""
    rows = [row.removeprefix(b"data: ") for row in heard.body.split(b"\n") if row]
    return [json.loads(row) for row in rows if row != b"[DONE]"]


@pytest.mark.parametrize("fault", BREAKS, ids=str)
def test_ollama_stream_ends_with_an_error_line(door: Door, fault: dict) -> None:
    set_all(door, **fault)
    heard = door.chat()
    assert heard.status == 200
    assert not heard.ended_whole
    assert b"\n\n" not in heard.body, "each line is a record"
    records = said(heard)
    assert records[-1]["code"] == "upstream_lost"
    assert records[-1]["error"].startswith("fake-")
    assert not any(record.get("done") for record in records)


@pytest.mark.parametrize("fault", BREAKS, ids=str)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_openai_stream_ends_with_an_error_event(door: Door, path: str, fault: dict) -> None:
    set_all(door, **fault)
    heard = door.ask(path, HI | {"stream": True, "prompt": "hi"})
    assert not heard.ended_whole
    assert b"[DONE]" not in heard.body
    assert heard.body.endswith(b"\n\n")
    error = said(heard)[-1]["error"]
    assert (error["type"], error["code"]) == ("server_error", "upstream_lost")


def test_stall_is_ended_at_the_idle_deadline(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], idle_seconds=0.4) as door:
        set_all(door, die_after=3, die_how="stall")
        heard = door.chat()
        assert "said nothing" in said(heard)[-1]["error"]
        assert 0.4 <= heard.seconds < 10
        fleet.nodes[0].until(lambda seen: seen.open_connections == 0 or seen.in_flight == 0)


def test_answer_longer_than_a_request_may_take_is_ended(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], total_seconds=0.5) as door:
        door.prefer(0)
        set_all(door, rate=10)
        heard = door.chat()
        assert "longer than the gateway allows" in said(heard)[-1]["error"]
        fleet.nodes[0].until(lambda seen: seen.cancelled == 1)
        assert door.upstream(0).breaker == "closed"
        assert door.upstream(0).inflight == 0


def test_whole_answer_that_is_cut_everywhere_is_refused(door: Door) -> None:
    set_all(door, die_after=3)
    heard = door.chat(stream=False)
    assert heard.status == 503
    assert all(node.name in json.loads(heard.body)["error"] for node in door.nodes)
    until(lambda: door.state().totals.errors == 1)


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/chat/completions", "/v1/completions"])
def test_whole_answer_is_written_anew_by_another_node(door: Door, path: str) -> None:
    door.prefer(0)
    undisturbed = said(door.ask(path, HI | {"stream": False, "prompt": "hi"}))[0]
    door.nodes[0].set(die_after=3)
    heard = door.ask(path, HI | {"stream": False, "prompt": "hi"})
    assert (heard.status, header(heard, "x-cluster-node")) == (200, "fake-1")
    words = ("message", "response", "choices")
    assert [said(heard)[0].get(name) for name in words] == [undisturbed.get(name) for name in words]


def test_what_the_node_itself_says_of_its_failure_passes(door: Door) -> None:
    set_all(door, error_after=2)
    heard = door.chat()
    assert said(heard)[-1]["error"] == "fake-0: the runner has stopped"
    assert not heard.ended_whole, "some clients take an error line for an end"


def test_broken_answers_count_against_the_node(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], breaker_seconds=60) as door:
        set_all(door, die_after=3)
        for _ in range(3):
            door.chat()
        seen = door.upstream(0)
        assert (seen.breaker, seen.failed, seen.served, seen.inflight) == ("open", 3, 0, 0)
        assert door.state().totals.errors == 3


def test_tokens_that_came_are_seen_by_the_client(door: Door) -> None:
    set_all(door, die_after=5)
    heard = door.chat()
    assert len(said(heard)) == 6


def test_official_clients_raise_what_the_gateway_said(door: Door) -> None:
    set_all(door, die_after=3)
    client = ollama.Client(door.url)
    with pytest.raises(ollama.ResponseError, match="fake-"):
        list(client.chat(**HI, stream=True))
    client._client.close()
    with (
        openai.OpenAI(base_url=f"{door.url}/v1", api_key="unused", max_retries=0) as other,
        pytest.raises(openai.APIError, match="fake-"),
    ):
        list(other.chat.completions.create(model=MODEL, messages=HI["messages"], stream=True))


@pytest.mark.parametrize(
    ("dialect", "after", "start"),
    [
        (Dialect.OLLAMA, b'{"a":1}\n', b'{"error"'),
        (Dialect.OLLAMA, b'{"a":', b'\n{"error"'),
        (Dialect.OPENAI, b"data: {}\n\n", b'data: {"error"'),
        (Dialect.OPENAI, b"data: {", b'\n\ndata: {"error"'),
    ],
)
def test_cut_record_is_closed_before_the_error(dialect: Dialect, after: bytes, start: bytes) -> None:
    assert broken_stream(dialect, "gone", after=after).startswith(start)


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_mistake_of_our_own_is_told_as_any_broken_stream(
    door: Door, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read: list[dict] = []

    def fails(_usage: Usage, record: Record) -> None:
        read.append(record.data or {})
        if len(read) > 3:
            raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(Usage, "hear", fails)
    heard = door.ask(path, HI | {"stream": True})
    assert heard.status == 200
    assert not heard.ended_whole
    assert b"nobody thought" not in heard.body, "what went wrong is for the log"
    last = [row for row in heard.body.split(b"\n") if row][-1].removeprefix(b"data: ")
    assert "the gateway made a mistake" in str(json.loads(last)["error"])
    until(lambda: "nobody thought of this" in caplog.text, what="the log has the story")
    monkeypatch.undo()
    assert door.chat().ended_whole


def test_an_answer_left_without_its_end_is_no_mistake_for_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    set_all(door, die_after=3, die_how="rst")
    with caplog.at_level("ERROR"):
        assert not door.chat().ended_whole
        until(lambda: door.state().inflight == 0)
    assert [row.getMessage() for row in caplog.records if row.name.startswith("uvicorn")] == []
