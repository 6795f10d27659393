"""A prompt over the lines of a file: nothing lost, nothing written twice, whatever dies."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.compute.jobs import MapPlan, MapResult, map_prompt
from cluster_ai.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from tests.compute.model_server import Plan, serving
from tests.compute.parts import PATIENCE, Dask, free_ports
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


def plan_for(folder: Path, lines: int, **more: Any) -> MapPlan:
    source = folder / "in.txt"
    if not source.exists():
        source.write_text("\n".join(f"line {n} ção" for n in range(lines)) + "\n", encoding="utf-8")
    return MapPlan(
        **{
            "input": source,
            "output": folder / "out.jsonl",
            "prompt": 'Say {"x": "{line}"}',
            "model": "smollm2:135m",
            "slots": 8,
            **more,
        }
    )


def records(plan: MapPlan) -> list[dict[str, Any]]:
    return [json.loads(line) for line in plan.output.read_bytes().splitlines()]


def assert_whole(plan: MapPlan, lines: int) -> None:
    """Every line once, each with its own answer."""
    found = records(plan)
    assert Counter(record["index"] for record in found) == Counter(range(lines))
    for record in found:
        assert record["input"] == f"line {record['index']} ção"
        assert record["output"] == f'SAY {{"X": "LINE {record["index"]} ÇÃO"}}'


def test_every_line_is_answered_and_told(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 60, options={"temperature": 0, "seed": 3})
    seen: list[tuple[int, int, int]] = []
    with serving(delay=0.02, busy_first=5) as (url, server):
        done = map_prompt(plan, scheduler=cluster.address, gateway=url, on_progress=lambda *now: seen.append(now))
    assert (done.total, done.answered, done.failed, done.resumed, done.partial) == (60, 60, 0, 0, False)
    assert done.nodes == {"node-1": 60}
    assert seen == [(n, 60, 0) for n in range(61)]
    assert_whole(plan, 60)
    assert set(records(plan)[0]) == {"index", "input", "output", "model", "node", "seconds"}
    assert 2 <= server.most_at_once <= 8, "never more in flight than slots"


def test_finished_lines_are_never_asked_again(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 20)
    with serving() as (url, server):
        map_prompt(plan, scheduler=cluster.address, gateway=url)
        kept = plan.output.read_bytes().splitlines(keepends=True)
        plan.output.write_bytes(b"".join(kept[:12]) + kept[12][:25])
        server.asked.clear()
        done = map_prompt(plan.model_copy(update={"ordered": True}), scheduler=cluster.address, gateway=url)
    assert done.resumed == 12
    assert server.asked.total() == 8
    assert_whole(plan, 20)
    assert [record["index"] for record in records(plan)] == list(range(20))


def test_bad_line_is_recorded_and_can_be_asked_again(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 10)
    with serving(refused="line 4 ") as (url, server):
        done = map_prompt(plan, scheduler=cluster.address, gateway=url)
        assert (done.answered, done.failed, done.partial) == (9, 1, True)
        (failed,) = [record for record in records(plan) if "error" in record]
        assert (failed["index"], failed["output"], failed["error"]) == (4, None, "400: not like this")
        server.asked.clear()
        assert map_prompt(plan, scheduler=cluster.address, gateway=url).failed == 1
        assert not server.asked, "a failed line is finished, too"
        server.refused = "never asked"
        again = plan.model_copy(update={"retry_failed": True})
        assert not map_prompt(again, scheduler=cluster.address, gateway=url).partial
    assert_whole(plan, 10)


def test_line_that_crashes_every_node_does_not_hold_up_the_others(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 6, slots=2, tries=2)
    with serving(broken="line 2 ") as (url, _):
        done = map_prompt(plan, scheduler=cluster.address, gateway=url)
    assert (done.answered, done.failed) == (5, 1)
    assert next(record["error"] for record in records(plan) if "error" in record) == "500: the model crashed"


def test_gateway_that_stays_away_ends_the_job_and_loses_nothing(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 30, patience=1.0)
    with serving(delay=0.01) as (url, server):

        def go_down(done: int, _total: int, _failed: int) -> None:
            server.down = done >= 10

        done = map_prompt(plan, scheduler=cluster.address, gateway=url, on_progress=go_down)
        assert "no answer to anything for 1 s" in done.stopped
        assert done.partial
        assert 10 <= done.answered < 30
        assert done.failed == 0, "an outage is no fault of the lines"
        server.down = False
        assert not map_prompt(plan, scheduler=cluster.address, gateway=url).partial
    assert_whole(plan, 30)


def test_other_job_is_refused_and_restart_begins_anew(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 5)
    with serving() as (url, server):
        map_prompt(plan, scheduler=cluster.address, gateway=url)
        server.asked.clear()
        for change in ({"prompt": "Other {line}"}, {"options": {"seed": 9}}):
            with pytest.raises(Conflict, match=next(iter(change))):
                map_prompt(plan.model_copy(update=change), scheduler=cluster.address, gateway=url)
        plan.input.write_text(plan.input.read_text() + "one more\n")
        with pytest.raises(Conflict, match="input_sha256, lines"):
            map_prompt(plan, scheduler=cluster.address, gateway=url)
        assert len(records(plan)) == 5
        assert not server.asked
        done = map_prompt(plan.model_copy(update={"restart": True}), scheduler=cluster.address, gateway=url)
    assert (done.answered, done.resumed) == (6, 0)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": "smollm2:136m"}, NotFound, "no node has the model"),
        ({"input": Path("/nonexistent")}, NotFound, "cannot be read"),
        ({"output": Path("/nonexistent/out")}, NotFound, "no folder"),
    ],
)
def test_mistakes_are_named_before_anything_is_asked(
    cluster: Dask, tmp_path: Path, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    plan = plan_for(tmp_path, 3).model_copy(update=change)
    with serving() as (url, server), pytest.raises(error, match=words):
        map_prompt(plan, scheduler=cluster.address, gateway=url)
    assert not server.asked


def test_input_is_checked(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 1)
    with pytest.raises(InvalidInput, match="overwrite"):
        map_prompt(plan.model_copy(update={"output": plan.input}), scheduler="x:1", gateway="http://x")
    plan.input.write_bytes(b"fine\nnot \xff fine\n")
    with pytest.raises(InvalidInput, match="line 2"):
        map_prompt(plan, scheduler="x:1", gateway="http://x")
    with pytest.raises(ValueError, match="asked the same"):
        plan_for(tmp_path, 1, prompt="no place")


def test_no_gateway_is_said_at_once(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 1)
    with pytest.raises(Unavailable, match="no gateway"):
        map_prompt(plan, scheduler=cluster.address, gateway=f"http://127.0.0.1:{free_ports(1)[0]}")


def submit(plan: MapPlan, parts: Dask, url: str) -> subprocess.Popen[str]:
    written = plan.output.with_name("plan.json")
    written.write_text(plan.model_dump_json())
    script = str(Path(__file__).with_name("submit.py"))
    argv = [sys.executable, script, str(written), parts.address, url]
    return subprocess.Popen(argv, env=parts.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def written(plan: MapPlan) -> int:
    return plan.output.read_bytes().count(b"\n") if plan.output.exists() else 0


def ended(process: subprocess.Popen[str]) -> MapResult:
    out, err = process.communicate(timeout=2 * PATIENCE)
    print("\n".join(line for line in err.splitlines() if not line[:1].isdigit()))
    assert process.returncode == 0, err
    return MapResult.model_validate_json(out)


def test_killed_submitter_goes_on_where_it_was(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 80)
    with serving(delay=0.03) as (url, server):
        for stop in (15, 40):
            process = submit(plan, cluster, url)
            until(lambda least=stop: written(plan) >= least, seconds=PATIENCE, what=f"{stop} lines")
            process.kill()
            process.communicate()
        before = server.answered.total()
        lines = written(plan)
        done = ended(submit(plan, cluster, url))
        repeated = server.answered.total() - 80
    assert lines <= done.resumed + 1
    assert not done.partial
    assert_whole(plan, 80)
    print(f"asked {repeated} lines twice for two kills")
    assert repeated <= 2 * 2 * plan.slots, "only what was in flight is asked again"
    assert before < 80


def test_ctrl_c_keeps_what_is_done(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 200)
    with serving(delay=0.03) as (url, _):
        process = submit(plan, cluster, url)
        until(lambda: written(plan) >= 10, seconds=PATIENCE, what="some lines")
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert done.interrupted
    assert done.partial
    assert done.answered == len(records(plan)) < 200


@pytest.mark.parametrize("victim", ["worker process", "nanny", "scheduler"])
def test_killed_part_loses_nothing(cluster: Dask, tmp_path: Path, victim: str) -> None:
    plan = plan_for(tmp_path, 120)
    with serving(delay=0.05) as (url, server):
        process = submit(plan, cluster, url)
        until(lambda: written(plan) >= 20, seconds=PATIENCE, what="some lines")
        KILLS[victim](cluster)
        done = ended(process)
        repeated = server.answered.total() - 120
    cluster.wait_workers()
    assert not done.partial
    assert_whole(plan, 120)
    print(f"{victim}: {done.seconds:.1f} s, {repeated} lines asked twice")
    assert repeated <= 3 * plan.slots


def kill_worker_process(parts: Dask) -> None:
    port = parts.worker_ports(0)[0]
    for process in parts.family(parts.workers[0]):
        if port in {connection.laddr.port for connection in process.net_connections("tcp")}:
            process.kill()


def kill_nanny(parts: Dask) -> None:
    parts.workers[0].kill()
    parts.workers[0].wait()
    parts.start_worker(0)


KILLS: dict[str, Callable[[Dask], None]] = {
    "worker process": kill_worker_process,
    "nanny": kill_nanny,
    "scheduler": Dask.lose_scheduler,
}


def test_second_run_on_the_same_output_is_refused(cluster: Dask, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, 100)
    with serving(delay=0.05) as (url, _):
        process = submit(plan, cluster, url)
        until(lambda: written(plan) >= 3, seconds=PATIENCE, what="some lines")
        with pytest.raises(Conflict, match="another run"):
            map_prompt(plan, scheduler=cluster.address, gateway=url)
        ended(process)
    assert_whole(plan, 100)


def test_plan_type_is_what_the_server_sees(cluster: Dask, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("\n\n{index}\n")
    plan = plan_for(tmp_path, 0, prompt="{index}: {line}")
    with serving() as (url, server):
        done = map_prompt(plan, scheduler=cluster.address, gateway=url)
    assert done.total == 1
    assert server.asked == {"2: {index}": 1}, "what the line says is no template"
    assert isinstance(server, Plan)
