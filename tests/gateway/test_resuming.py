"""A stream whose node dies goes on from another, byte for byte as if nothing had happened, when its caller wishes so."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import ollama
import openai
import pytest

from cluster_ai.gateway.types import UpstreamSettings, UpstreamView
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import MODEL, Heard, hear
from tests.fakes.text import answer
from tests.gateway.door import Door, gateway, request
from tests.waiting import until

pytestmark = pytest.mark.real

TOKENS = 40
PATHS = ("/api/chat", "/api/generate", "/v1/chat/completions")


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Door, Fleet]]:
    with Fleet(3, answer_tokens=TOKENS) as fleet:
        rows = [UpstreamSettings(name=node.name, url=node.url, slots=64) for node in fleet.nodes]
        # Nodes that fail on purpose all the time are to be used on, each in its turn.
        more = {"resume": True, "breaker_failures": 100, "retry_share": 1.0, "strategy": "round_robin"}
        with gateway(rows=rows, **more) as door:
            yield Door(door.port, fleet.nodes), fleet


@pytest.fixture
def door(running: tuple[Door, Fleet]) -> Door:
    door, fleet = running
    fleet.default()
    # A load takes a node's one fault as well as an answer does.
    for node in door.nodes:
        hear(node, request("/api/generate", {"model": MODEL, "stream": False}))
    until(lambda: all(is_ready(row) for row in door.state().upstreams), what="all are well, with the model in memory")
    return door


def is_ready(row: UpstreamView) -> bool:
    return row.state == "healthy" and any(model.loaded for model in row.models if model.name == MODEL)


def asked(path: str, prompt: str, **more: object) -> dict:
    said = {"prompt": prompt} if path == "/api/generate" else {"messages": [{"role": "user", "content": prompt}]}
    return {"model": MODEL, "stream": True, "options": {"seed": 0}, "seed": 0} | said | more


def expected(prompt: str, count: int = TOKENS) -> str:
    return "".join(answer(MODEL, 0, (("user", prompt),), count=count, as_json=False))


def rows(heard: Heard) -> list[dict]:
    found = [row.removeprefix(b"data: ") for row in heard.body.split(b"\n") if row]
    return [json.loads(row) for row in found if row != b"[DONE]"]


def text(heard: Heard) -> str:
    told = ""
    for row in rows(heard):
        choice = (row.get("choices") or [{}])[0]
        told += row.get("response") or (row.get("message") or choice.get("delta") or {}).get("content") or ""
    return told


def dies_once(node: FakeNode, after: int, how: str) -> None:
    node.set(die_after=after, die_how=how, fault_times=1)


@pytest.mark.parametrize("cuts", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_cuts_do_not_show(door: Door, cuts: int) -> None:
    """Every way to die, at every place, in every dialect: the text is that of the undisturbed run."""
    rng = random.Random(20261121)
    plans = [
        (rng.choice(PATHS), rng.randrange(TOKENS + 1), rng.choice(["fin", "rst"]), rng.choice(door.nodes))
        for _ in range(cuts)
    ]

    def run(number: int) -> tuple[bool, bool]:
        path, after, how, well = plans[number]
        # A node that only ever failed would be left alone for longer and longer.
        for node in door.nodes:
            dies_once(node, after, how) if node is not well else node.set(die_after=None)
        heard = door.ask(path, asked(path, f"question {number}"), timeout=20)
        return heard.ended_whole and b'"error"' not in heard.body, text(heard) == expected(f"question {number}")

    # One after the other: each plan sets the nodes' faults.
    results = [run(number) for number in range(len(plans))]
    assert results.count((True, True)) == len(plans)
    resumed = sum(node.counters().faults for node in door.nodes)
    assert resumed > 0.7 * cuts, "many answers were really broken off"


@pytest.mark.parametrize("path", PATHS)
def test_the_end_says_that_it_was_resumed_and_counts_all_tokens(door: Door, path: str) -> None:
    for node in door.nodes[:2]:
        dies_once(node, 10, "rst")
    # At least one of three turns is at a node that dies.
    for _ in range(3):
        heard = door.ask(path, asked(path, "count", stream_options={"include_usage": True}))
        assert text(heard) == expected("count")
        if marked := [row for row in rows(heard) if "cluster" in row]:
            break
    assert marked[0]["cluster"]["resumed"] in {1, 2}
    last = rows(heard)[-1]
    assert (last.get("eval_count") or last["usage"]["completion_tokens"]) == TOKENS


def test_malformed_records_are_left_for_another_node(door: Door) -> None:
    for kind in ("garbage", "half_utf8", "cut_line", "not_object"):
        for node in door.nodes[:2]:
            node.set(malformed_at=7, malformed=kind, fault_times=1)
        heard = door.ask("/api/chat", asked("/api/chat", kind))
        assert text(heard) == expected(kind), kind
        assert heard.ended_whole


def test_a_limit_of_tokens_is_kept_over_the_seam(door: Door) -> None:
    for node in door.nodes[:2]:
        dies_once(node, 5, "rst")
    heard = door.ask("/api/chat", asked("/api/chat", "short", options={"seed": 0, "num_predict": 12}))
    assert text(heard) == expected("short", 12)
    assert rows(heard)[-1]["done_reason"] == "length"


def test_an_answer_that_cannot_be_gone_on_with_says_so_and_has_no_end(door: Door) -> None:
    for node in door.nodes:
        node.set(die_after=5)
    heard = door.ask("/api/chat", asked("/api/chat", "json", format="json"))
    assert not heard.ended_whole
    assert rows(heard)[-1]["code"] == "upstream_lost"


def test_where_nobody_else_has_the_model_it_is_an_error(door: Door) -> None:
    for node in door.nodes[1:]:
        node.set(models=["other:1b"])
    until(lambda: len(door.ask("/api/tags").body.split(b'"name"')) > 3, what="the other model is known")
    door.nodes[0].set(die_after=5)
    heard = door.ask("/api/chat", asked("/api/chat", "alone"))
    assert not heard.ended_whole
    assert not any(row.get("done") for row in rows(heard))


def test_without_the_wish_a_stream_is_not_resumed(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2]) as door:
        for node in door.nodes:
            node.set(die_after=5)
        heard = door.ask("/api/chat", asked("/api/chat", "no"))
        assert not heard.ended_whole
        assert sum(node.counters().faults for node in door.nodes) == 1


def test_an_answer_that_had_not_begun_is_begun_anew_without_any_wish(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2]) as door:
        door.prefer(0)
        # The first record of an OpenAI stream only says who speaks.
        door.nodes[0].set(die_after=0)
        heard = door.ask("/v1/chat/completions", asked("/v1/chat/completions", "anew"))
        assert heard.ended_whole
        assert text(heard) == "".join(answer(MODEL, 0, (("user", "anew"),), count=24, as_json=False))


def test_a_stall_is_resumed_sooner_than_it_is_given_up(door: Door) -> None:
    for number in range(3):
        door.ask("/api/chat", asked("/api/chat", f"learn {number}"))
    for node in door.nodes[:2]:
        node.set(die_after=10, die_how="stall", fault_times=1)
    heard = door.ask("/api/chat", asked("/api/chat", "stall"), timeout=30)
    assert text(heard) == expected("stall")
    assert heard.seconds < 15, "the longest silence allowed is a minute"


def test_real_clients_see_one_answer(door: Door) -> None:
    for node in door.nodes[:2]:
        dies_once(node, 8, "rst")
    client = ollama.Client(door.url)
    stream = client.chat(MODEL, [{"role": "user", "content": "ollama"}], stream=True, options={"seed": 0})
    assert "".join(part.message.content for part in stream) == expected("ollama")
    client._client.close()
    for node in door.nodes[:2]:
        dies_once(node, 8, "rst")
    with openai.OpenAI(base_url=f"{door.url}/v1", api_key="x", max_retries=0) as other:
        parts = other.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "openai"}], stream=True, seed=0
        )
        assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == expected("openai")


def test_a_node_killed_under_many_streams_breaks_none(door: Door) -> None:
    for node in door.nodes:
        node.set(rate=30)
    with ThreadPoolExecutor(24) as pool:
        calls = [
            pool.submit(door.ask, "/api/chat", asked("/api/chat", f"many {number}"), timeout=30) for number in range(24)
        ]
        door.nodes[0].until(lambda seen: seen.tokens >= 40)
        door.nodes[0].kill()
        answers = [call.result() for call in calls]
    assert [text(heard) for heard in answers] == [expected(f"many {number}") for number in range(24)]
    assert all(heard.ended_whole for heard in answers)
    until(lambda: all(row.inflight == 0 for row in door.state().upstreams))
