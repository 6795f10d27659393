"""Models come into memory when asked for, once, and leave it when idle. Broken files harm nobody."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from cluster_ai.engines.catalog import smollm_file
from tests.engines.running import CHAT, PARIS, RunningNode, node
from tests.waiting import until

pytestmark = pytest.mark.real

ONE_WORD = {"model": CHAT, "prompt": "Hi", "options": {"num_predict": 1}, "stream": False}


def test_many_askers_load_it_once(tmp_path: Path) -> None:
    with node(tmp_path) as started:
        assert started.loaded() == {}
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: started.ask("/api/generate", ONE_WORD), range(6)))
        assert [answer.status for answer in answers] == [200] * 6
        assert max(answer.json["load_duration"] for answer in answers) > 0
        assert started.log.read_text().count("model loaded") == 1
        assert started.ask("/api/generate", ONE_WORD).json["load_duration"] == 0


def test_idle_model_leaves_and_comes_back(served: RunningNode) -> None:
    assert served.ask("/api/generate", ONE_WORD | {"keep_alive": "700ms"}).status == 200
    runners = [runner.pid for runner in served.runners()]
    assert CHAT in served.loaded()
    until(lambda: CHAT not in served.loaded(), seconds=5, what="unloaded when idle")
    until(lambda: len(served.runners()) < len(runners), seconds=5, what="its process and memory are gone")
    answer = served.ask("/api/generate", ONE_WORD)
    assert answer.json["load_duration"] > 0


def test_load_and_unload_by_empty_prompt(served: RunningNode) -> None:
    loaded = served.ask("/api/generate", {"model": CHAT, "keep_alive": -1}).json
    assert (loaded["done"], loaded["done_reason"], loaded["response"]) == (True, "load", "")
    assert served.loaded()[CHAT]["expires_at"] > "2090"
    assert served.ask("/api/chat", {"model": CHAT, "messages": []}).json["done_reason"] == "load"
    assert served.ask("/api/chat", {"model": CHAT, "messages": [], "keep_alive": 0}).json["done_reason"] == "unload"
    assert CHAT not in served.loaded()


def test_keep_alive_zero_unloads_after_the_answer(served: RunningNode) -> None:
    assert served.ask("/api/generate", ONE_WORD | {"keep_alive": 0}).status == 200
    until(lambda: CHAT not in served.loaded(), seconds=3, what="unloaded")


def test_model_in_use_is_not_unloaded_under_its_reader(served: RunningNode) -> None:
    with served.reading() as answer:
        assert served.ask("/api/generate", {"model": CHAT, "keep_alive": 0}).json["done_reason"] == "unload"
        assert answer.readline()
        assert CHAT in served.loaded()
    until(lambda: CHAT not in served.loaded(), seconds=3, what="unloaded once the reader is gone")


def test_node_answers_while_it_loads(served: RunningNode) -> None:
    served.ask("/api/generate", {"model": CHAT, "keep_alive": 0})
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(served.ask, "/api/generate", ONE_WORD)
        meanwhile = 0
        while not loading.done():
            assert served.ask("/api/tags").status == 200
            meanwhile += not loading.done()
    assert loading.result().json["load_duration"] > 100_000_000
    # A node that waits for the model would have answered when it was there, and not before.
    assert meanwhile > 5


def test_killed_runner_is_seen_and_replaced(served: RunningNode) -> None:
    served.ask("/api/generate", {"model": "all-minilm", "keep_alive": 0})
    with served.reading() as answer:
        (runner,) = served.runners()
        runner.kill()
        rest = answer.fp.read() if answer.fp else b""
    assert b'"error":"the model\'s process ended in the middle of the answer"' in rest
    assert b'"done":true' not in rest
    assert not rest.endswith(b"0\r\n\r\n"), "a torn stream must not look complete"
    assert "Paris" in served.ask("/api/chat", PARIS | {"stream": False}).json["message"]["content"]


def test_runner_killed_between_two_requests_is_not_noticed(served: RunningNode) -> None:
    body = {"model": "all-minilm", "input": "A cat."}
    before = served.ask("/api/embed", body).json["embeddings"]
    served.ask("/api/generate", ONE_WORD)
    for runner in served.runners():
        runner.kill()
    assert served.ask("/api/embed", body).json["embeddings"] == before
    assert served.ask("/api/generate", ONE_WORD).status == 200


def test_runner_goes_with_its_node(tmp_path: Path) -> None:
    with node(tmp_path) as started:
        started.ask("/api/generate", ONE_WORD)
        (runner,) = started.runners()
        assert "secret" not in " ".join(runner.environ()).lower()
        os.kill(started.process.pid, signal.SIGKILL)
        started.process.wait()
        psutil.wait_procs([runner], timeout=5)
        assert not runner.is_running()


def test_node_stops_while_it_writes(tmp_path: Path) -> None:
    with node(tmp_path) as started, started.reading():
        runners = started.runners()
        began = time.monotonic()
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(timeout=15) == 0
        assert time.monotonic() - began < 8
        assert not any(runner.is_running() for runner in runners)


def test_users_files_are_served_and_broken_ones_refused(tmp_path: Path) -> None:
    whole, cut, text = tmp_path / "whole.gguf", tmp_path / "cut.gguf", tmp_path / "text.gguf"
    raw = smollm_file().read_bytes()
    whole.symlink_to(smollm_file())
    cut.write_bytes(raw[: len(raw) // 2])
    text.write_text("no model")
    models = [
        {"name": "mine:135m", "path": str(whole)},
        {"name": "cut", "path": str(cut)},
        {"name": "text", "path": str(text)},
        {"name": "missing", "path": str(tmp_path / "nowhere.gguf")},
    ]
    with node(tmp_path, models=models) as started:
        names = {model["name"] for model in started.ask("/api/tags").json["models"]}
        assert names == {CHAT, "all-minilm:latest", "mine:135m"}
        for name, reason in (("cut", "cut short"), ("text", "not a GGUF"), ("missing", "cannot be read")):
            refused = started.ask("/api/show", {"model": name})
            assert (refused.status, reason in refused.json["error"]) == (400, True), refused.json
            assert reason in started.log.read_text()
        answer = started.ask("/api/generate", ONE_WORD | {"model": "mine:135m"})
        assert (answer.status, answer.json["model"]) == (200, "mine:135m")
