"""The child process: an order in, lines of JSON out, and an end when it is asked for."""

import hashlib
import json
import signal

import pytest

from cluster_ai.executors.contract import MOST_RESULT_BYTES
from tests.compute.model_server import serving
from tests.executors.attempts import Bench, Said, order

pytestmark = pytest.mark.real


def test_progress_logs_and_one_result_in_this_order(bench: Bench) -> None:
    script = "echo one; echo '::progress:: 0.5 half'; echo two; echo '::progress:: 1'"
    said = bench.attempt("EXECUTE", {"argv": ["sh", "-c", script]})
    assert said.logs == ["one", "two"]
    assert said.progress == [0.5, 1.0]
    assert said.result
    assert said.result.ok


def test_wrong_parameters_and_unknown_kinds_are_results_too(bench: Bench) -> None:
    wrong = bench.result("EXECUTE", {"argv": ["true"], "shell": True})
    assert (wrong.code, wrong.retryable) == ("invalid_input", False)
    assert "shell" in wrong.error
    assert bench.result("DANCE", {}).code == "unsupported"


def test_an_order_that_cannot_be_read_is_told(bench: Bench) -> None:
    said = Said()
    with bench.started(order("EXECUTE", {"argv": ["true"]})) as process:
        process.kill()
        process.wait()
    (bench.ticket() / "order.json").write_text("{", encoding="utf-8")
    good = order("EXECUTE", {"argv": ["true"]})
    bench.write = lambda _order: bench.ticket()  # type: ignore[method-assign]
    with bench.started(good) as process:
        assert process.stdout
        for line in process.stdout:
            said.take(line)
    assert said.result
    assert said.result.code == "internal"


def test_wrong_settings_are_told(bench: Bench) -> None:
    bench.grants["memory_mib"] = 1
    result = bench.result("EXECUTE", {"argv": ["true"]})
    assert result.code == "internal"
    assert "memory_mib" in result.error


def test_a_large_answer_is_an_artefact(bench: Bench) -> None:
    bench.grants["modules"] = ["textwrap"]
    wanted = {"function": "textwrap:indent", "args": ["x" * 80_000, "> "]}
    result = bench.result("EXECUTE", wanted)
    assert result.ok, result
    assert result.value["bytes"] > MOST_RESULT_BYTES
    stored = (bench.ticket() / "artefacts" / result.value["artefact"]).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == result.value["sha256"]
    assert json.loads(stored)["answer"] == "> " + "x" * 80_000


def test_logs_have_an_end(bench: Bench) -> None:
    bench.grants["log_kib"] = 4
    said = bench.attempt("EXECUTE", {"argv": ["seq", "100000"]})
    assert sum(len(line) for line in said.logs) < 5000
    assert said.logs[-1].startswith("... and more")
    assert said.result
    assert said.result.ok
    assert said.result.value["tail"].endswith("100000\n")


def test_cancelling_a_question_does_not_wait_for_the_model(bench: Bench) -> None:
    said = Said()
    with serving(delay=30) as (url, _):
        wanted = order("INFER", {"model": "smollm2:135m", "prompt": "hello"}, gateway_url=url)
        with bench.started(wanted) as process:
            assert process.stdout
            said.take(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            for line in process.stdout:
                said.take(line)
            assert process.wait(15) == 0
    assert said.result
    assert said.result.code == "cancelled"


def test_what_the_program_wrote_is_taken_away_and_its_artefacts_stay(bench: Bench) -> None:
    wanted = {"argv": ["sh", "-c", "echo a > a.txt; echo b > b.txt; echo c > /tmp/c"], "artefacts": ["a.txt"]}
    result = bench.result("EXECUTE", wanted)
    assert [(each.path, each.bytes) for each in result.artefacts] == [("a.txt", 2)]
    assert (bench.ticket() / "artefacts" / "a.txt").read_text() == "a\n"
    assert sorted(path.name for path in bench.ticket().iterdir()) == ["artefacts", "kept", "order.json"]
