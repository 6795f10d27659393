"""Parts are started, kept up, restarted and ended: real processes, small ones."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cluster_ai.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from cluster_ai.supervisor.types import PartState
from tests.ports import free_port
from tests.supervisor.conftest import SLEEPER, Little, python, until

pytestmark = pytest.mark.real
Start = Callable[..., Little]


def serving(port: int) -> list[str]:
    return python(
        "import http.server as h, sys\n"
        "class H(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b'I am well')\n"
        f"h.HTTPServer(('127.0.0.1', {port}), H).serve_forever()"
    )


def test_a_part_starts_when_what_it_needs_is_ready(little: Start) -> None:
    port = free_port()
    cluster = little(
        {"name": "upper", "argv": python("import time; print('up', time.time()); time.sleep(600)"), "needs": ["lower"]},
        {"name": "lower", "argv": serving(port), "ports": [port], "probes": [[port, "/", "well"]]},
    )
    until(lambda: cluster.status().ready, what="all ready")
    until(lambda: cluster.log("upper").startswith("up "), what="the upper one runs")
    view = cluster.part("lower")
    assert (view.port, view.restarts, view.last_exit) == (port, 0, "")


def test_a_part_whose_answer_is_wrong_is_not_ready_and_says_why(little: Start) -> None:
    port = free_port()
    cluster = little({"name": "web", "argv": serving(port), "probes": [[port, "/", "splendid"]]})
    part = until(lambda: p if (p := cluster.part("web")).error else None, what="an error")
    until(lambda: "does not say splendid" in cluster.part("web").error, what="the reason")
    assert part.state is PartState.STARTING
    assert not cluster.status().ready


def test_a_killed_part_comes_back_and_shows_how_it_ended(little: Start) -> None:
    cluster = little({"name": "one", "argv": SLEEPER}, {"name": "two", "argv": SLEEPER})
    before = cluster.wait("one", PartState.READY)
    other = cluster.wait("two", PartState.READY)
    assert before.pid
    os.kill(before.pid, signal.SIGKILL)
    after = cluster.wait("one", PartState.READY, restarts=1)
    assert (after.last_exit, after.restarts) == ("SIGKILL", 1)
    assert after.pid != before.pid
    assert cluster.part("two").pid == other.pid


def test_all_that_a_dead_part_had_started_dies_with_it(little: Start, tmp_path: Path) -> None:
    nest = tmp_path / "children"
    # A child, and a grandchild whose own parent left: nothing that stays in the group may survive.
    code = f"(sleep 600 & echo $! >> {nest}); sleep 600 & echo $! >> {nest}; wait"
    cluster = little({"name": "nest", "argv": ["/bin/sh", "-c", code]})
    until(lambda: nest.exists() and nest.read_text().count("\n") == 2, what="the first family")
    pid = cluster.part("nest").pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: nest.read_text().count("\n") == 4, what="the second family")
    first = [int(number) for number in nest.read_text().split()[:2]]
    assert [number for number in first if psutil.pid_exists(number)] == []


def test_a_crash_loop_ends_and_the_others_go_on(little: Start) -> None:
    cluster = little(
        {"name": "bad", "argv": python("import sys; sys.exit('the disk has a hole')")},
        {"name": "good", "argv": SLEEPER},
    )
    bad = cluster.wait("bad", PartState.FAILED)
    assert (bad.last_exit, bad.error) == ("exit 1", "the disk has a hole")
    assert cluster.wait("good", PartState.READY).restarts == 0
    cluster.ask("restart", "bad")
    until(lambda: cluster.part("bad").restarts > bad.restarts, what="tried again")


def test_a_part_that_cannot_be_started_says_so(little: Start) -> None:
    cluster = little({"name": "none", "argv": ["/no/such/program"]})
    failed = cluster.wait("none", PartState.FAILED)
    assert failed.last_exit == "not started"
    assert "/no/such/program" in failed.error


def test_a_part_that_hangs_is_killed_and_started_again(little: Start) -> None:
    port = free_port()
    cluster = little({"name": "mute", "argv": SLEEPER, "probes": [[port, "/", ""]]})
    again = until(lambda: p if (p := cluster.part("mute")).restarts else None, seconds=20, what="killed for silence")
    assert again.last_exit == "no answer for 3 s"


def test_a_restart_replaces_the_process(little: Start) -> None:
    cluster = little({"name": "one", "argv": SLEEPER})
    before = cluster.wait("one", PartState.READY)
    cluster.ask("restart", "one")
    after = cluster.wait("one", PartState.READY, restarts=1)
    assert (after.pid != before.pid, after.last_exit) == (True, "SIGTERM")
    with pytest.raises(NotFound, match="no part is called two"):
        cluster.ask("restart", "two")


def test_parts_are_stopped_from_the_top_floor_down(little: Start, tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (open({str(order)!r}, 'a').write('{{}}\\n'), sys.exit(0)))\n"
        "print('set', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    rows = [{"name": name, "argv": python(code.format(name)), "floor": floor} for floor, name in enumerate("abc")]
    cluster = little(*rows)
    until(lambda: all("set" in cluster.log(name) for name in "abc"), what="all listen to SIGTERM")
    cluster.ask("stop")
    assert cluster.process.wait(timeout=10) == 0
    assert order.read_text().split() == ["c", "b", "a"]
    with pytest.raises(Unavailable, match="no supervisor runs"):
        cluster.status()


def test_a_part_that_will_not_stop_is_killed(little: Start) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    cluster = little({"name": "deaf", "argv": python(code)}, {"name": "one", "argv": SLEEPER})
    until(lambda: "deaf" in cluster.log("deaf"), what="it ignores SIGTERM")
    pid = cluster.part("deaf").pid
    began = time.monotonic()
    cluster.process.send_signal(signal.SIGTERM)
    assert cluster.process.wait(timeout=10) == 0
    assert time.monotonic() - began < 6
    assert pid
    assert not psutil.pid_exists(pid)


def test_nothing_outlives_a_killed_supervisor(little: Start) -> None:
    tied = "from cluster_ai.core.processes import tie_to_parent; tie_to_parent(); print('tied', flush=True); import time; time.sleep(600)"
    cluster = little({"name": "one", "argv": python(tied)})
    until(lambda: "tied" in cluster.log("one"), what="tied")
    pid = cluster.part("one").pid
    assert pid
    cluster.process.kill()
    cluster.process.wait()
    until(lambda: not psutil.pid_exists(pid), seconds=3, what="the part died, too")


def test_after_a_killed_supervisor_the_next_one_starts(little: Start) -> None:
    tied = "from cluster_ai.core.processes import tie_to_parent; tie_to_parent(); import time; time.sleep(600)"
    first = little({"name": "one", "argv": python(tied)})
    first.process.kill()
    first.process.wait()
    second = little({"name": "one", "argv": python(tied)})
    assert second.wait("one", PartState.READY).restarts == 0


def test_a_second_supervisor_of_a_home_is_refused(little: Start, tmp_path: Path) -> None:
    first = little({"name": "one", "argv": SLEEPER})
    pid = first.wait("one", PartState.READY).pid
    second = little({"name": "one", "argv": SLEEPER})
    assert second.process.wait(timeout=10) == 1
    assert f"runs already (process {first.process.pid})" in (tmp_path / "supervisor.log").read_text()
    assert first.part("one").pid == pid


def test_workers_are_added_and_taken_away(little: Start) -> None:
    cluster = little({"name": "one", "argv": SLEEPER})
    cluster.ask("scale_workers", 2)
    second = cluster.wait("worker-1", PartState.READY)
    cluster.ask("scale_workers", 1)
    until(lambda: [part.name for part in cluster.status().parts] == ["one", "worker-0"], what="one worker left")
    assert second.pid
    assert not psutil.pid_exists(second.pid)
    with pytest.raises(InvalidInput, match="0 to 3"):
        cluster.ask("scale_workers", 4)


def test_a_stopping_cluster_takes_no_orders(little: Start) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    cluster = little({"name": "deaf", "argv": python(code)})
    until(lambda: "deaf" in cluster.log("deaf"), what="it ignores SIGTERM")
    cluster.ask("stop")
    with pytest.raises(Conflict, match="stopping"):
        cluster.ask("restart", "deaf")


def test_what_a_part_says_goes_to_its_log_only(little: Start, tmp_path: Path) -> None:
    cluster = little(
        {
            "name": "loud",
            "argv": python("import sys; print('out'); sys.stderr.write('err\\n'); import time; time.sleep(600)"),
        }
    )
    until(lambda: cluster.log("loud").count("\n") == 2, what="both lines")
    assert sorted(cluster.log("loud").split()) == ["err", "out"]
    assert (cluster.home.logs / "loud.log").stat().st_mode & 0o777 == 0o600
    assert "err" not in (tmp_path / "supervisor.log").read_text().replace("error", "")


def test_orders_that_cross_each_other_end_with_the_last_one(little: Start) -> None:
    cluster = little({"name": "one", "argv": SLEEPER})
    for count in (2, 0, 0, 1, 3, 1, 2):
        cluster.ask("scale_workers", count)
    names = ["one", "worker-0", "worker-1"]
    until(lambda: sorted(part.name for part in cluster.status().parts) == names, what="two workers")
    assert cluster.ask("add_workers", 1) == 3
    until(lambda: cluster.status().ready and len(cluster.status().parts) == 4, what="three workers")
    with pytest.raises(InvalidInput, match="0 to 3"):
        cluster.ask("add_workers", 1)
    assert cluster.process.poll() is None
