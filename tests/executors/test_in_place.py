"""A trusted function in the executor's own process: quick, and held to its limits all the same."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters
from cluster_ai.executors.contract import Order, Result
from tests.executors.attempts import MIB, Bench, Said, give, order
from tests.executors.test_child import results

pytestmark = pytest.mark.real
SOURCE = """
import os, sys, threading, time
seen = []

def where(*args, **kwargs):
    print("said", flush=True)
    print("and wrong", file=sys.stderr)
    seen.append(1)
    return {"pid": os.getpid(), "cwd": os.getcwd(), "key": os.environ["TICKET_KEY"], "word": os.environ.get("WORD"),
            "args": args, "kwargs": kwargs, "seen": len(seen)}

def no(): raise LookupError("nothing there")
def leave(): sys.exit(3)
def odd(): return float("nan")
def die(): os._exit(7)
def take(size): return len(bytearray(size))
def write(size):
    with open("big", "wb") as file:
        file.write(bytes(size))
def deaf():
    while True:
        try: time.sleep(600)
        except Exception: pass
def mutter(): os.write(1, b'{"of": 1, "result": {"ok": true}} half a line')
def half(): os.write(1, b"half a line")
def listen(): return [sys.stdin.read(), os.read(0, 1).decode()]
def spoil():
    import signal
    os.umask(0o777)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.path.insert(0, "/nowhere")
def standing():
    import signal
    return [os.umask(0o077), signal.getsignal(signal.SIGTERM) is signal.SIG_IGN, "/nowhere" in sys.path]
def copies(code):
    copy = os.fork()
    if not copy:
        sys.exit(code)
    time.sleep(0.3)
    return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
def doubles():
    if os.fork():
        time.sleep(0.3)
    return os.getpid()
def thread(): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """``here`` is a module that the machine names, and there is no sandbox."""
    (tmp_path / "here_and_now.py").write_text(SOURCE)
    grants = {"sandbox": "none", "trusted_kinds": ["EXECUTE"], "modules": ["here_and_now"]}
    made = Bench(tmp_path, grants)
    monkeypatch.setattr(Bench, "env", property(lambda self: env(self) | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}))
    return made


ROOT = Path(__file__).parents[2]
env = Bench.env.fget
assert env is not None


def called(function: str, *args: Any, ticket: str = "t1", limits: Any = None, **more: Any) -> Order:
    wanted = {"function": f"here_and_now:{function}", "args": args, "in_place": True, "trusted": True, **more}
    return order("EXECUTE", wanted, ticket=ticket, limits=limits)


def series(bench: Bench, *orders: Order) -> list[Result]:
    with bench.working() as process:
        return [result for _, result in results(process, [bench.write(one) for one in orders])]


def single(bench: Bench, function: str, *args: Any, **more: Any) -> Result:
    (result,) = series(bench, called(function, *args, **more))
    return result


def test_calls_of_one_process_share_it_and_each_has_its_own_folder_and_variables(bench: Bench) -> None:
    first, second = series(
        bench,
        called("where", 1, kwargs={"b": 2}, env={"WORD": "up"}),
        called("where", ticket="t2"),
    )
    one, two = first.value["answer"], second.value["answer"]
    assert one["pid"] == two["pid"]
    assert (one["seen"], two["seen"]) == (1, 2)
    assert (one["cwd"], two["cwd"]) == tuple(str(bench.ticket(name) / "work") for name in ("t1", "t2"))
    assert (one["key"], one["word"], one["args"], one["kwargs"]) == ("key-of-t1", "up", [1], {"b": 2})
    assert (two["key"], two["word"]) == ("key-of-t2", None)
    assert (first.value["sandbox"], first.value["exit_code"]) == ("none", 0)
    assert first.value["tail"] == "said\nand wrong\n"


@pytest.mark.parametrize(
    ("function", "words"),
    [("no", "LookupError: nothing there"), ("leave", "exit 3"), ("odd", "JSON"), ("nowhere", "no function")],
)
def test_what_goes_wrong_is_told_and_the_next_goes_on(bench: Bench, function: str, words: str) -> None:
    wrong, good = series(bench, called(function), called("where", ticket="t2"))
    assert (wrong.ok, wrong.code) == (False, "exit_nonzero")
    assert words in wrong.error
    assert good.ok


def test_limits_hold_for_each_call(bench: Bench) -> None:
    greedy, large, late, good = series(
        bench,
        called("take", 600 * MIB, ticket="t1", limits={"memory_bytes": 200 * MIB}),
        called("write", 8 * MIB, ticket="t2", limits={"disk_bytes": MIB}),
        called("deaf", ticket="t3", limits={"seconds": 0.5}),
        called("where", ticket="t4"),
    )
    assert (greedy.code, late.code) == ("memory_exceeded", "timed_out")
    assert large.code in {"exit_nonzero", "disk_exceeded"}
    assert not large.ok
    assert good.ok


def test_a_wish_to_stop_ends_a_call(bench: Bench) -> None:
    said = Said()
    with bench.working() as process:
        give(process, 1, bench.write(called("deaf", env={"WORD": "x"})))
        give(process, 2, bench.write(called("where", ticket="t2")))
        assert process.stdout
        while not (bench.ticket() / "work").exists():
            assert process.poll() is None
        # Asked before the call it does not begin, and in the call it ends.
        process.send_signal(signal.SIGTERM)
        for line in process.stdout:
            said.take(line)
        assert process.wait(15) == 0
    assert said.result
    assert said.result.code == "cancelled"


def test_what_it_writes_past_python_is_no_word_of_ours(bench: Bench) -> None:
    first, second = series(bench, called("mutter"), called("where", ticket="t2"))
    assert first.value["answer"] is None
    assert second.ok


def test_a_process_with_threads_of_somebody_does_nothing_else(bench: Bench) -> None:
    with bench.working() as process:
        give(process, 1, bench.write(called("thread")))
        assert process.stdout
        words = json.loads(process.stdout.readline())
        assert words["result"]["ok"]
        assert words["last"]
        assert process.wait(15) == 0


def test_one_that_ends_the_process_is_told_by_its_end(bench: Bench) -> None:
    with bench.working() as process:
        give(process, 1, bench.write(called("die")))
        assert process.wait(15) == 7


def test_with_a_sandbox_it_is_a_process_in_that(bench: Bench) -> None:
    bench.grants |= {"sandbox": "auto", "modules": ["here_and_now", "os"]}
    wanted = {"function": "os:getpid", "in_place": True, "trusted": True}
    result = bench.result("EXECUTE", wanted)
    assert result.ok, result
    assert result.value["sandbox"] != "none"


@pytest.mark.parametrize("wanted", [{"argv": ["true"], "trusted": True}, {"function": "os:getpid"}])
def test_it_is_for_trusted_functions(wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="in_place"):
        check_parameters("EXECUTE", {**wanted, "in_place": True})


def test_who_listens_hears_the_end_and_not_the_orders(bench: Bench) -> None:
    heard, good = series(bench, called("listen"), called("where", ticket="t2"))
    assert heard.value["answer"] == ["", ""]
    assert good.ok


def test_what_one_call_changes_of_its_process_the_next_does_not_find(bench: Bench) -> None:
    _, found = series(bench, called("spoil"), called("standing", ticket="t2"))
    mask, is_deaf, looks_elsewhere = found.value["answer"]
    assert (mask != 0o777, is_deaf, looks_elsewhere) == (True, False, False)


def test_a_copy_of_the_process_says_nothing_and_takes_no_order(bench: Bench) -> None:
    with bench.working() as process:
        orders = [called("copies", 3), called("doubles", ticket="t2"), called("where", ticket="t3")]
        found = dict(results(process, [bench.write(one) for one in orders]))
        assert [found[number].ok for number in (1, 2, 3)] == [True] * 3
        assert found[1].value["answer"] == 3
        assert found[2].value["answer"] == found[3].value["answer"]["pid"] == process.pid
