"""WebSocket and server-sent events: the same numbered messages, and a cursor to come back with."""

import json
from collections import deque

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cluster_ai.gateway.types import UpstreamState
from tests.backend.running import Api
from tests.backend.world import INTERNAL
from tests.waiting import until


def socket(api: Api, query: str = "topics=overview", **headers: str) -> ClientConnection:
    given = headers or {"Authorization": f"Bearer {INTERNAL}"}
    return connect(f"ws://127.0.0.1:{api.port}/api/v1/stream?{query}", additional_headers=given, proxy=None)


def test_newcomer_gets_the_present_picture_then_each_tick(api: Api) -> None:
    with socket(api) as stream:
        first, second, third = (json.loads(stream.recv(timeout=5)) for _ in range(3))
    assert first["topic"] == "overview"
    assert first["data"]["system"]["name"] == "test"
    assert first["number"] < second["number"] < third["number"]


def test_cursor_brings_what_was_missed_and_nothing_twice(api: Api) -> None:
    with socket(api) as stream:
        seen = json.loads(stream.recv(timeout=5))["number"]
    api.tick()
    api.tick()
    with socket(api, f"topics=overview&after={seen}") as stream:
        back = [json.loads(stream.recv(timeout=5))["number"] for _ in range(2)]
    assert back[0] > seen
    assert back == sorted(set(back))


def test_cursor_from_before_a_restart_makes_a_newcomer(api: Api) -> None:
    with socket(api, "topics=overview&after=999999999") as stream:
        assert json.loads(stream.recv(timeout=5))["topic"] == "overview"


def test_events_tell_what_changed(api: Api) -> None:
    with socket(api, "topics=events") as stream:
        api.world.serve_nodes("n1", state=UpstreamState.DOWN)
        told = [json.loads(stream.recv(timeout=5)) for _ in range(2)]
    kinds = {(message["data"]["kind"], message["data"]["subject"], message["data"]["after"]) for message in told}
    assert kinds == {("node.state", "n1", "down"), ("problem", "node:n1.down", "open")}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Nothing": "1"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {INTERNAL}", "Origin": "http://evil.test"}, 403),
    ],
)
def test_socket_is_refused_before_the_upgrade(api: Api, headers: dict[str, str], status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, socket(api, **headers):
        pass
    assert refused.value.response.status_code == status
    assert b'"code"' in refused.value.response.body


def test_socket_with_a_cookie_needs_its_origin(api: Api) -> None:
    client, _ = api.signed_in()
    with client:
        cookie = f"cluster_ai_session={client.cookies['cluster_ai_session']}"
    with pytest.raises(InvalidStatus), socket(api, Cookie=cookie):
        pass
    with socket(api, Cookie=cookie, Origin=api.url) as stream:
        assert stream.recv(timeout=5)


def test_unknown_topic_is_named(api: Api) -> None:
    with pytest.raises(InvalidStatus) as refused, socket(api, "topics=secrets"):
        pass
    assert refused.value.response.status_code == 422
    with api.local() as client:
        assert client.get("/api/v1/events?topics=secrets").json()["errors"][0]["path"] == "topics"
        assert client.get("/api/v1/events?after=-1").status_code == 422


def test_server_sent_events_carry_number_topic_and_data(api: Api) -> None:
    with api.local() as client, client.stream("GET", "/api/v1/events?topics=overview") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for event in httpx2.EventSource(answer):
            if event.data:
                break
    envelope = json.loads(event.data)
    assert str(envelope["number"]) == event.id
    assert envelope["topic"] == event.event == "overview"


def test_signing_out_ends_an_open_stream(api: Api) -> None:
    client, headers = api.signed_in()
    with client:
        cookie = f"cluster_ai_session={client.cookies['cluster_ai_session']}"
        with socket(api, Cookie=cookie, Origin=api.url) as stream:
            stream.recv(timeout=5)
            assert client.post("/api/v1/auth/logout", headers=headers).status_code == 204
            with pytest.raises(ConnectionClosed) as closed:
                deque(iter(lambda: stream.recv(timeout=5), None), maxlen=0)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_reader_who_leaves_is_forgotten(api: Api) -> None:
    with socket(api) as stream:
        stream.recv(timeout=5)
        assert len(api.plane.bus._subscriptions) == 1
    until(lambda: not api.plane.bus._subscriptions, what="the subscription ended")


def test_what_was_told_is_written_down_and_found_again(api: Api) -> None:
    api.world.serve_nodes("kept")
    api.tick()
    api.world.serve_nodes("kept", state=UpstreamState.DOWN)
    api.tick()

    def found(**asked: str) -> list[tuple[str, str]]:
        with api.local() as client:
            rows = client.get("/api/v1/event-log", params={"subject": "kept", **asked}).json()["items"]
        return [(row["kind"], row["after"]) for row in rows]

    until(lambda: ("node.state", "down") in found(), what="it is written")
    assert ("node.state", "down") in found(kind="node.state")
    assert ("node.state", "down") not in found(kind="problem")
    assert found(until="1") == []
    with api.local() as client:
        assert client.get("/api/v1/event-log", params={"limit": "501"}).status_code == 422
