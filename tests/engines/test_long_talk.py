"""A talk longer than the context goes on without its oldest turns."""

from pathlib import Path

import pytest

from tests.engines.running import CHAT, PARIS, node


@pytest.mark.real
def test_long_talk_loses_its_oldest_turns(tmp_path: Path) -> None:
    told = [{"role": "user" if turn % 2 == 0 else "assistant", "content": f"{turn} word " * 20} for turn in range(20)]
    messages = [{"role": "system", "content": "Be short."}, *told, *PARIS["messages"]]
    body = {"model": CHAT, "messages": messages, "options": {"num_predict": 1}, "stream": False}
    with node(tmp_path, context=256, slots=1) as started:
        answer = started.ask("/api/chat", body)
        assert answer.status == 200
        assert 80 < answer.json["prompt_eval_count"] < 256
        for refused in (
            started.ask("/api/chat", body | {"truncate": False}),
            started.ask("/v1/chat/completions", {"model": CHAT, "messages": messages}),
        ):
            assert refused.status == 400
            assert b"more than the context of 256" in refused.raw
