"""``cluster-ai model bench``: what is made of answers, and answers of real nodes behind a real gateway."""

import json

import pytest

from cluster_ai.cli.benched import figures, run_of
from tests.cli.conftest import Cluster
from tests.waiting import until

LAST = {
    "done": True, "load_duration": 2_000_000_000, "prompt_eval_count": 20, "prompt_eval_duration": 500_000_000,
    "eval_count": 30, "eval_duration": 1_500_000_000,
}  # fmt: skip


def test_an_answer_is_timed_by_who_asks_and_by_who_writes() -> None:
    ticks = iter([10.5, 12.0])
    lines = [{"message": {"content": ""}}, {"message": {"content": "a"}}, {"message": {"content": "b"}}, LAST]
    run = run_of(lines, 10.0, lambda: next(ticks))
    assert (run.first, run.total, run.load) == (0.5, 2.0, 2.0)
    assert (run.tokens, run.writing, run.prompt_tokens, run.reading) == (30, 1.5, 20, 0.5)


def test_a_node_that_counts_nothing_is_counted_by_its_lines() -> None:
    ticks = iter([1.0, 3.0])
    run = run_of(
        [{"message": {"content": "a"}}, {"message": {"content": "b"}}, {"done": True}], 0.0, lambda: next(ticks)
    )
    assert (run.first, run.total, run.tokens, run.writing) == (1.0, 3.0, 2, 2.0)


def test_one_slow_answer_does_not_hide_the_others() -> None:
    runs = [run_of([LAST], 0.0, lambda total=total: total) for total in (1.0, 2.0, 60.0)]
    found = figures(runs, 30.0)
    assert (found["answers"], found["tokens"], found["total_seconds"]) == (3, 90, 2.0)
    assert (found["tokens_per_second"], found["prompt_tokens_per_second"]) == (20.0, 40.0)
    assert found["all_tokens_per_second"] == 3.0
    nothing = figures((), 0.0)
    assert (nothing["answers"], nothing["tokens_per_second"], nothing["all_tokens_per_second"]) == (0, None, None)


@pytest.mark.real
def test_each_node_is_asked_as_often_as_was_said(cluster: Cluster) -> None:
    models = [row["name"] for row in json.loads(cluster.cli("model", "ls", "--json").stdout)["items"]]
    chatting = next(name for name in models if "embed" not in name and "minilm" not in name)
    words = ("model", "bench", chatting, "--runs", "4", "--parallel", "2", "--tokens", "8")
    done = cluster.cli(*words, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["schema_version"], said["model"], said["runs"]) == (1, chatting, 4)
    (row,) = said["items"]
    assert (row["node"], row["answers"], row["tokens"], row["error"]) == ("fake", 4, 32, "")
    assert 0 < row["ttft_seconds"] <= row["total_seconds"]

    def logged() -> list[dict]:
        return json.loads(cluster.cli("gateway", "log", "--model", chatting, "--json").stdout)["items"]

    until(lambda: len(logged()) == 5, seconds=30, what="one more than asked for, which lets it load the model")
    assert {call["node"] for call in logged()} == {"fake"}
    partly = cluster.cli("model", "bench", chatting, "--node", "fake", "--node", "nobody", "--runs", "1")
    assert partly.returncode == 8, partly.stderr
    assert "nobody" in partly.stdout
    none = cluster.cli("model", "bench", chatting, "--node", "nobody", "--json")
    assert (none.returncode, none.stdout, "nobody" in none.stderr) == (3, "", True), none.stderr
    assert cluster.cli("model", "bench", "no-such-model").returncode == 3
