"""The real small model on two nodes, one of which is killed under four streams: the answers are complete.

What the model writes after the seam is its own: the prompt and what was said are read anew, in other batches than they
were written in, and floating-point sums differ by their order. So greedy text is equal up to a first token where two
were nearly as likely; it is measured here, and not demanded.
"""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.engines.running import CHAT, RunningNode, node
from tests.fakes.raw import Heard
from tests.gateway.door import Door, gateway, request
from tests.waiting import until

pytestmark = pytest.mark.real

QUESTIONS = (
    "Explain in a few sentences why the sky is blue.",
    "Tell a short story about a lighthouse keeper.",
    "List five uses of a rope, one in each line.",
    "What is a river? Describe it to a child.",
)
TOKENS = 40


def asked(question: str) -> dict:
    options = {"temperature": 0, "num_predict": TOKENS, "seed": 1}
    return {"model": CHAT, "messages": [{"role": "user", "content": question}], "options": options}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningNode, RunningNode]]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(node(tmp_path_factory.mktemp(name))) for name in ("a", "b"))
        yield first, second


def text(lines: list[dict]) -> str:
    return "".join(row["message"]["content"] for row in lines if "message" in row)


def stream(door: Door, question: str, begun: list[str]) -> list[dict]:
    """All records; the node that began it is told in ``begun`` as soon as a few words have come."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=120) as sock:
        sock.sendall(request("/api/chat", asked(question)))
        data = b""
        told = False
        while part := sock.recv(65536):
            data += part
            if not told and data.count(b'"content"') >= 8:
                head = data.partition(b"\r\n\r\n")[0].decode().lower()
                begun.append(head.partition("x-cluster-node: ")[2].split("\r\n")[0])
                told = True
    heard = Heard(data, "fin", 0.0)
    assert heard.ended_whole
    return heard.lines


def alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def test_answers_are_complete_though_one_node_is_killed(two: tuple[RunningNode, RunningNode], tmp_path: Path) -> None:
    rows = [UpstreamSettings(name=name, url=up.url) for name, up in zip(("first", "second"), two, strict=True)]
    undisturbed = [text(two[1].ask("/api/chat", asked(question)).lines) for question in QUESTIONS]
    two[0].ask("/api/chat", asked(QUESTIONS[0]))
    with gateway(rows=rows, resume=True, strategy="round_robin", probe_seconds=0.5) as door:
        until(lambda: all(any(m.loaded for m in row.models) for row in door.state().upstreams), what="both are warm")
        begun: list[str] = []
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(stream, door, question, begun) for question in QUESTIONS]
            until(lambda: "first" in begun, seconds=60, what="a stream of the first node has begun")
            killed = two[0].process
            for runner in two[0].runners():
                os.kill(runner.pid, signal.SIGKILL)
            killed.kill()
            answers = [call.result(timeout=120) for call in calls]
        resumed = [rows[-1].get("cluster", {}).get("resumed", 0) for rows in answers]
        for question, records, alone in zip(QUESTIONS, answers, undisturbed, strict=True):
            said, last = text(records), records[-1]
            same = alike(said, alone)
            print(f"{question[:24]!r}: {len(said)} letters, the first {same} as undisturbed ({len(alone)})")
            assert last["done"] is True
            assert last["done_reason"] in {"stop", "length"}
            assert said.strip()
            assert "error" not in last
        assert sum(resumed) >= 1, "at least one stream was on the killed node"
        print(f"{sum(resumed)} of 4 were resumed")
        # Those that were not on it are not touched by its death.
        assert door.state().inflight == 0
