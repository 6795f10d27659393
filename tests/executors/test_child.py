"""The child process: an order in, lines of JSON out, and an end when it is asked for."""

import hashlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_ai.executors.contract import MOST_RESULT_BYTES, Result
from tests.compute.model_server import serving
from tests.executors.attempts import MIB, Bench, Said, give, order

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
    assert sorted(path.name for path in bench.ticket().iterdir()) == ["artefacts", "order.json"]


def results(process: "subprocess.Popen[bytes]", orders: list[Path]) -> Iterator[tuple[int, Result]]:
    """Of one order after the other, each given when the one before was done."""
    assert process.stdout
    for number, folder in enumerate(orders, 1):
        give(process, number, folder)
        for line in process.stdout:
            words = json.loads(line)
            assert words["of"] == number
            if "result" in words:
                yield number, Result.model_validate(words["result"])
                break


def program(script: str) -> dict[str, object]:
    return {"argv": ["sh", "-c", script], "trusted": True}


def test_what_one_order_leaves_behind_has_ended_before_the_next(bench: Bench) -> None:
    bench.grants |= {"sandbox": "none", "trusted_kinds": ["EXECUTE"]}
    left = bench.folder / "left"
    first = order(
        "EXECUTE", program(f"setsid sh -c 'echo $$ > {left}; exec sleep 600' & while ! [ -s {left} ]; do :; done")
    )
    second = order("EXECUTE", program(f"! kill -0 $(cat {left})"), ticket="t2")
    with bench.working() as process:
        found = dict(results(process, [bench.write(first), bench.write(second)]))
    assert all(result.ok for result in found.values()), found
    assert not (bench.ticket("t1") / "work").exists()


def test_orders_of_one_process_have_their_own_keys_limits_and_results(bench: Bench) -> None:
    bench.grants |= {"sandbox": "none", "trusted_kinds": ["EXECUTE"]}
    wanted = [
        order("EXECUTE", program("echo $TICKET_KEY; ulimit -f"), ticket=f"t{number}", limits={"disk_bytes": size})
        for number, size in enumerate((MIB, 3 * MIB))
    ]
    with bench.working() as process:
        found = dict(results(process, [bench.write(one) for one in wanted]))
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 0
    # 512-byte blocks, and one MiB over what is allowed.
    assert [result.value["tail"].split() for result in found.values()] == [["key-of-t0", "4096"], ["key-of-t1", "8192"]]


def test_a_wish_to_stop_ends_the_order_and_the_process(bench: Bench) -> None:
    with bench.working() as process:
        give(process, 1, bench.write(order("EXECUTE", {"argv": ["sh", "-c", "echo here; sleep 600"]})))
        give(process, 2, bench.write(order("EXECUTE", {"argv": ["true"]}, ticket="t2")))
        assert process.stdout
        assert json.loads(process.stdout.readline())["log"] == "here"
        process.send_signal(signal.SIGTERM)
        said = [json.loads(line) for line in process.stdout]
        assert process.wait(15) == 0
    assert [(words["of"], words["result"]["code"], words["last"]) for words in said] == [(1, "cancelled", True)]


def test_who_waits_for_an_order_ends_when_it_is_asked_to(bench: Bench) -> None:
    with bench.working() as process:
        give(process, 1, bench.write(order("EXECUTE", {"argv": ["true"]})))
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
