"""MAP: every row once, whatever happens between two attempts."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.kinds.mapping.checkpoint import Checkpoint
from cluster_ai.executors.kinds.mapping.rows import filled, read_rows
from tests.compute.model_server import serving
from tests.executors.attempts import Bench, Said, order

ASK = {"model": "smollm2:135m", "tries": 1}


def lines(bench: Bench, ticket: str = "t1") -> list[dict[str, Any]]:
    text = (bench.ticket(ticket) / "artefacts" / "rows.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.real
def test_a_prompt_over_csv(bench: Bench) -> None:
    data = {"path": "in.csv", "text": "name,city\nana,Recife\nbo,Oslo\n"}
    wanted = {"data": data, "form": "csv", "prompt": "{name} of {city}", "ask": ASK}
    with serving() as (url, _):
        said = bench.attempt("MAP", wanted, gateway_url=url)
    assert said.result
    assert said.result.ok, said.result
    assert [line["answer"] for line in lines(bench)] == ["ANA OF RECIFE", "BO OF OSLO"]
    assert said.result.value["tokens"] == {"prompt": 6, "completion": 2}
    assert said.progress[-1] == 1.0


@pytest.mark.real
def test_a_second_attempt_asks_only_what_is_left(bench: Bench) -> None:
    wanted = {"rows": [f"row {n}" for n in range(20)], "prompt": "{row}", "ask": ASK, "concurrency": 3}
    with serving(broken="row 7") as (url, plan):
        first = bench.result("MAP", wanted, gateway_url=url)
        plan.broken = "never asked"
        second = bench.result("MAP", wanted, gateway_url=url)
        assert max(plan.answered.values()) == 1, "no row is done twice"
        assert plan.most_at_once <= 3
    assert (first.ok, first.code, first.value["failed"]) == (False, "rows_failed", 1)
    assert first.value["failures"][0]["row"] == 7
    assert (second.ok, second.value["resumed"], second.value["done"]) == (True, 19, 20)
    assert [line["row"] for line in lines(bench)] == list(range(20))


@pytest.mark.real
def test_killed_in_the_middle_it_goes_on_where_it_was(bench: Bench) -> None:
    wanted = {"rows": [f"row {n}" for n in range(30)], "prompt": "{row}", "ask": ASK, "concurrency": 2}
    with serving(delay=0.02) as (url, plan):
        with bench.started(order("MAP", wanted, gateway_url=url)) as process:
            said = Said()
            assert process.stdout
            while not said.progress or said.progress[-1] < 0.3:
                said.take(process.stdout.readline())
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        result = bench.result("MAP", wanted, gateway_url=url)
        # What was under way at two threads when it died may be asked again, and no more.
        assert sum(plan.answered.values()) <= 30 + 2 + 2
    assert result.ok, result
    assert result.value["resumed"] >= 9
    assert len(lines(bench)) == 30


@pytest.mark.real
def test_another_prompt_takes_no_answers_of_the_first(bench: Bench) -> None:
    with serving() as (url, _):
        bench.result("MAP", {"rows": ["a"], "prompt": "{row}", "ask": ASK}, gateway_url=url)
        second = bench.result("MAP", {"rows": ["a"], "prompt": "{row}!", "ask": ASK}, gateway_url=url)
    assert second.value["resumed"] == 0
    assert lines(bench)[0]["answer"] == "A!"


@pytest.mark.real
def test_some_failures_may_be_borne(bench: Bench) -> None:
    wanted = {"rows": ["good", "bad", "fine", "well"], "prompt": "{row}", "ask": ASK, "most_failed": 0.25}
    with serving(refused="bad") as (url, _):
        result = bench.result("MAP", wanted, gateway_url=url)
    assert (result.ok, result.value["failed"]) == (True, 1)
    assert lines(bench)[1]["code"] == "model_refused"


@pytest.mark.real
def test_a_function_over_partitions_in_a_sandbox(bench: Bench) -> None:
    code = """
import os, socket
def squares(rows):
    assert os.getcwd() == '/ticket' and not os.path.exists('/etc/passwd')
    print('partition of', len(rows))
    if 8 in rows:
        raise ValueError('no eights')
    return [row * row for row in rows]
"""
    wanted = {"rows": list(range(10)), "code": code, "function": "squares", "partition_rows": 3, "concurrency": 2}
    said = bench.attempt("MAP", wanted)
    assert said.result
    assert said.result.code == "rows_failed"
    assert said.result.value["failures"] == [{"rows": [6, 9], "code": "exit_nonzero", "error": "ValueError: no eights"}]
    assert "partition of 3" in said.logs
    good = [line["answer"] for line in lines(bench) if "answer" in line]
    assert good == [0, 1, 4, 9, 16, 25, 81]
    again = bench.result("MAP", {**wanted, "most_failed": 1.0})
    assert (again.ok, again.value["resumed"]) == (True, 7)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"rows": ["a"]}, "either prompt with ask or code"),
        ({"rows": ["a"], "prompt": "{row}"}, "prompt goes with ask"),
        ({"prompt": "{row}", "ask": ASK}, "either rows or data"),
        ({"rows": [{"a": 1}], "prompt": "{b}", "ask": ASK}, "row 0 has no column b"),
        ({"rows": ["a"], "code": "def f(:", "function": "f"}, "no Python"),
        ({"rows": ["a"], "code": "def f(rows): return rows", "function": "g"}, "no function g"),
        ({"rows": ["a"], "prompt": "x", "ask": ASK, "concurrency": 1000}, "less than or equal to 64"),
    ],
)
def test_wrong_maps_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_parameters("MAP", parameters)


def test_a_template_cannot_look_into_objects() -> None:
    assert filled("{{x}} {a} {row}", {"a": [1, "é"]}) == '{x} [1, "é"] {"a": [1, "é"]}'
    with pytest.raises(KeyError):
        filled("{row.__class__}", "x")


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9)), max_size=9))
def test_jsonl_is_read_as_it_was_written(rows: list[dict[str, Any]]) -> None:
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    try:
        assert read_rows(data, "jsonl") == rows
    except Failed as exc:
        assert "surrogate" in exc.error or "64 bits" in exc.error  # noqa: PT017 - what JSON only half means


@pytest.mark.parametrize(("data", "form"), [(b"\xff", "lines"), (b"{", "jsonl"), (b"a,b\n1\n", "csv")])
def test_data_sets_that_are_none(data: bytes, form: Any) -> None:
    with pytest.raises(Failed) as caught:
        read_rows(data, form)
    assert caught.value.code == "input_missing"


def test_a_line_cut_short_by_a_power_cut_is_not_there(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path / "c.jsonl")
    first.add({"first": 0, "end": 1, "answer": "a"})
    first.add({"first": 1, "end": 2, "answer": "b"})
    data = first.path.read_bytes()
    first.path.write_bytes(data[:-5])
    second = Checkpoint(first.path)
    second.load()
    assert list(second.done) == [0]
    second.add({"first": 1, "end": 2, "answer": "b"})
    assert first.path.read_bytes() == data
