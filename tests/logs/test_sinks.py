"""Copies of lines at real receivers: the wire, one copy of each, outages, refusals; and off by default."""

from collections.abc import Iterator

import aiohttp
import pytest

from cluster_ai.logs.shipping import Shipper
from cluster_ai.logs.sinks import Elasticsearch, Loki, Sink, Verdict, sinks_of
from cluster_ai.logs.store import LogStore
from cluster_ai.logs.types import LogsSettings
from tests.logs.receivers import Receiver, receiving
from tests.logs.writing import NOW, entry
from tests.ports import free_base

pytestmark = pytest.mark.anyio


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(params=["loki", "elasticsearch"])
def sink(request: pytest.FixtureRequest, receiver: Receiver) -> Sink:
    if request.param == "loki":
        return Loki(receiver.url + "/", tenant="home", token="t-1")
    return Elasticsearch(receiver.url, index="cluster-ai-logs", key="k-1")


async def shipped(store: LogStore, sink: Sink, *, ticks: int = 1) -> tuple[Shipper, list[bool]]:
    shipper = Shipper(sink)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        return shipper, [await shipper.tick(store, session) for _ in range(ticks)]


async def begun(store: LogStore, sink: Sink) -> None:
    """The sink is configured from now on; what is older stays here."""
    await store.add([entry("before anybody asked for copies")], [])
    await shipped(store, sink)


def test_nobody_gets_copies_unless_somebody_says_so() -> None:
    assert sinks_of(LogsSettings()) == ()
    settings = LogsSettings(loki_url="http://l:3100", elasticsearch_url="https://e:9200/", elasticsearch_key="secret")
    made = sinks_of(settings)
    assert [one.name for one in made] == ["loki", "elasticsearch"]
    assert "secret" not in repr(made) + repr(settings)


async def test_lines_arrive_with_what_they_say(store: LogStore, sink: Sink, receiver: Receiver) -> None:
    await begun(store, sink)
    await store.add(
        [
            entry("late", at=NOW + 1, part="gateway", status=500, tried={"n1": "refused"}),
            entry("early", at=NOW + 0.5, part="gateway", level=40, node="n1"),
            entry("same", at=NOW + 0.25, part="gateway"),
        ],
        [],
    )
    shipper, went = await shipped(store, sink)
    assert went == [True]
    assert (shipper.sent, shipper.refused, shipper.waiting) == (3, 0, 0)
    assert receiver.calls == 1
    if sink.name == "loki":
        assert [(line["event"], line["at"]) for line in receiver.lines if line["labels"]["level"] == "info"] == [
            ("same", 1_800_000_000_250_000_000), ("late", 1_800_000_001_000_000_000),
        ]  # fmt: skip
        assert [line["tried"] for line in receiver.lines if "tried" in line] == [{"n1": "refused"}]
        assert {line["labels"]["node"] for line in receiver.lines} == {"box", "n1"}
        assert receiver.headers[0]["x-scope-orgid"] == "home"
        assert receiver.headers[0]["authorization"] == "Bearer t-1"
    else:
        assert [line["message"] for line in receiver.lines] == ["late", "early", "same"]
        assert receiver.lines[0]["cluster_ai"] == {"status": "500", "tried": '{"n1":"refused"}'}
        assert receiver.lines[1]["log"] == {"level": "error"}
        assert receiver.headers[0]["authorization"] == "ApiKey k-1"


async def test_each_line_once_though_it_fails_in_between(store: LogStore, sink: Sink, receiver: Receiver) -> None:
    await begun(store, sink)
    await store.add([entry(f"line {n}") for n in range(1200)], [])
    receiver.fails = [503, 429, 401, 404]
    shipper, went = await shipped(store, sink, ticks=8)
    assert went == [False] * 4 + [True] * 4
    said = sorted(line.get("event") or line["message"] for line in receiver.lines)
    assert said == sorted(f"line {n}" for n in range(1200))
    assert (shipper.sent, shipper.missed, shipper.trouble) == (1200, 0, "")


async def test_who_does_not_answer_is_asked_again(store: LogStore, receiver: Receiver) -> None:
    away = Loki(f"http://127.0.0.1:{free_base()}")
    await begun(store, away)
    await store.add([entry("kept for later")], [])
    shipper, went = await shipped(store, away)
    assert went == [False]
    assert shipper.waiting == 1
    assert shipper.trouble
    back, went = await shipped(store, Loki(receiver.url))
    assert went == [True]
    assert [line["event"] for line in receiver.lines] == ["kept for later"]
    assert back.sent == 1


async def test_a_batch_that_is_too_large_is_halved(store: LogStore, sink: Sink, receiver: Receiver) -> None:
    await begun(store, sink)
    await store.add([entry("x" * 500) for _ in range(100)], [])
    receiver.largest = 20_000
    shipper, went = await shipped(store, sink, ticks=12)
    assert all(went)
    assert len(receiver.lines) == 100
    assert shipper.refused == 0


async def test_what_will_never_be_taken_is_counted_and_left_behind(
    store: LogStore, sink: Sink, receiver: Receiver
) -> None:
    await begun(store, sink)
    await store.add([entry("bad"), entry("bad too")], [])
    receiver.fails = [400]
    shipper, went = await shipped(store, sink)
    assert went == [True]
    assert (shipper.refused, shipper.sent) == (2, 0)
    await store.add([entry("good")], [])
    await shipped(store, sink)
    assert len(receiver.lines) == 1


async def test_lines_that_were_removed_before_they_were_taken_are_counted(
    store: LogStore, sink: Sink, receiver: Receiver
) -> None:
    await begun(store, sink)
    await store.add([entry("old", at=NOW - 1000) for _ in range(7)], [])
    await store.prune(before=NOW - 500, most_bytes=10**9)
    await store.add([entry("new")], [])
    shipper, _ = await shipped(store, sink)
    assert (shipper.missed, shipper.sent) == (7, 1)


async def test_of_a_bulk_only_what_was_not_taken_is_created_again(store: LogStore, receiver: Receiver) -> None:
    sink = Elasticsearch(receiver.url, index="i")
    await begun(store, sink)
    await store.add([entry(f"{n}") for n in range(4)], [])
    receiver.bulk_fails = [429]
    shipper, went = await shipped(store, sink, ticks=2)
    assert went == [False, True]
    assert sorted(line["message"] for line in receiver.lines) == ["0", "1", "2", "3"]
    assert shipper.sent == 4
    await store.add([entry("no mapping"), entry("fine")], [])
    receiver.bulk_fails = [400]
    shipper, went = await shipped(store, sink)
    assert (went, shipper.refused, shipper.sent) == ([True], 1, 1)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"items": [1]}', b'{"items": [{}]}', b"<html>"])
def test_an_answer_that_is_none_of_a_bulk_is_no_success(body: bytes) -> None:
    assert Elasticsearch("http://x", index="i").verdict(200, body, lines=1).again


def test_a_redirect_is_no_success() -> None:
    verdict = Loki("http://x").verdict(302, b"", lines=3)
    assert verdict == Verdict(again=True, reason="HTTP 302: ")
