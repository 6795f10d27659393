"""A hang costs little where a node was quick so far and another stands idle; honest silence is not taken for one."""

import json

import pytest

from cluster_ai.gateway.relaying.patience import HURRIED_SECONDS, SHORTEST_SILENCE
from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import Fleet
from tests.gateway.door import HI, gateway, header
from tests.gateway.faults.crowd import warm
from tests.gateway.faults.scripted import LAST, NDJSON, Say, line, scripted

pytestmark = pytest.mark.real

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
CALLED = [{"function": {"name": "look", "arguments": {}}}]


@pytest.mark.parametrize("stream", [True, False])
def test_a_quick_node_that_hangs_is_left_long_before_the_usual_limit(fleet: Fleet, stream: bool) -> None:
    with gateway(*fleet.nodes[:2]) as door:
        warm(door)
        for _ in range(3):
            known = header(door.chat(), "x-cluster-node")
        next(node for node in door.nodes if node.name == known).set(die_before="stall")
        heard = [door.chat(stream=stream) for _ in range(4)]
        assert [row.status for row in heard] == [200] * 4
        assert all(row.ended_whole and header(row, "x-cluster-node") != known for row in heard)
        slowest, *others = sorted((row.seconds for row in heard), reverse=True)
        assert HURRIED_SECONDS <= slowest < 9, "the usual limit is ten seconds"
        assert max(others) < 1, "only one call met it"


def test_a_tool_call_written_in_silence_is_no_hang() -> None:
    with scripted() as slow, gateway(rows=[UpstreamSettings(name="slow", url=slow.url)]) as door:
        slow.says = Say((NDJSON + b"\r\n", *map(line, "abcdefgh"), LAST))
        assert door.chat().status == 200
        called = line(message={"role": "assistant", "content": "", "tool_calls": CALLED})
        slow.says = Say((NDJSON + b"\r\n" + line("One moment."), called + LAST), pause=SHORTEST_SILENCE + 0.5)
        heard = door.ask("/api/chat", HI | {"stream": False, "tools": TOOLS}, timeout=30)
        assert heard.status == 200
        assert json.loads(heard.body)["message"]["tool_calls"] == CALLED
        assert slow.asked == 2
