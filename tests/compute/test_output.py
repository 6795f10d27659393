"""The output of a map survives what a machine can do to it."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster_ai.compute.jobs.output import DiskRefused, Header, Record, opened
from cluster_ai.core.errors import Conflict, NotFound

HEADER = Header(input_sha256="0" * 64, lines=5, prompt="{line}", system="", model="m", options={"seed": 1})


def record(index: int, *, error: str = "") -> Record:
    output = None if error else f"answer {index}\u2028\r\n"
    return Record(index=index, input=f"q{index}", output=output, model="m", node="n", seconds=0.5, error=error)


def write(path: Path, *records: Record) -> None:
    with opened(path, HEADER, restart=False) as output:
        for one in records:
            output.append(one)


def standing(path: Path) -> set[int]:
    with opened(path, HEADER, restart=False) as output:
        return output.standing.done


def test_records_are_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, record(1), record(0, error="refused"))
    first, second = map(json.loads, path.read_bytes().splitlines())
    assert first == {
        "index": 1, "input": "q1", "output": "answer 1\u2028\r\n", "model": "m", "node": "n", "seconds": 0.5,
    }  # fmt: skip
    assert second["error"] == "refused"
    with opened(path, HEADER, restart=False) as output:
        assert output.standing.answered == {1}
        assert output.standing.failed == {0}
        assert output.standing.nodes == {"n": 1}


def test_half_written_tail_is_cut_off_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, record(0), record(1))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        path.write_bytes(whole[:length])
        assert standing(path) == {0}
        assert path.read_bytes() == whole[:first]
    write(path, record(1))
    assert path.read_bytes() == whole


def test_zeros_of_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, record(0))
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(300) + b"\n" + whole)
    assert standing(path) == {0}
    assert path.read_bytes() == whole


def test_changed_line_in_the_middle_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, record(0), record(1))
    damaged = path.read_bytes().replace(b'"index":0', b'"index":zero')
    path.write_bytes(damaged)
    with pytest.raises(Conflict, match="line 1"):
        standing(path)
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("field", ["input_sha256", "prompt", "system", "model", "options"])
def test_output_of_another_job_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "out"
    write(path, record(0))
    other = HEADER.model_copy(update={field: {"seed": 2} if field == "options" else "other"})
    before = path.read_bytes()
    with pytest.raises(Conflict, match=field), opened(path, other, restart=False):
        pass
    assert path.read_bytes() == before
    with opened(path, other, restart=True) as output:
        assert output.standing.done == set()
    assert path.read_bytes() == b""


def test_file_that_is_no_output_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("years of work\nmore of it\n")
    with pytest.raises(Conflict), opened(path, HEADER, restart=False):
        pass
    assert path.read_text() == "years of work\nmore of it\n"


def test_answers_without_their_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, record(0))
    (tmp_path / "out.job.json").unlink()
    with pytest.raises(Conflict, match=r"job\.json"):
        standing(path)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, HEADER, restart=False), pytest.raises(Conflict, match="another run"):
        standing(path)


def test_failed_lines_can_be_forgotten_and_the_lock_holds(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, record(2), record(0, error="x"), record(1))
    with opened(path, HEADER, restart=False) as output:
        output.forget_failed()
        assert output.standing.done == {1, 2}
        with pytest.raises(Conflict, match="another run"):
            standing(path)
        output.append(record(0))
        output.sort()
    assert [json.loads(line)["index"] for line in path.read_bytes().splitlines()] == [0, 1, 2]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFound), opened(tmp_path / "no" / "out", HEADER, restart=False):
        pass


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.compute.test_output import HEADER, record
from cluster_ai.compute.jobs.output import DiskRefused, opened
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
with opened(path, HEADER, restart=False) as output:
    resource.setrlimit(resource.RLIMIT_FSIZE, (250, 250))
    for index in range(5):
        try:
            output.append(record(index))
        except DiskRefused:
            print("refused", index)
            break
"""


def test_disk_that_takes_half_a_line_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert done.stdout == "refused 2\n"
    assert standing(path) == {0, 1}


def test_error_of_the_disk_is_ours(tmp_path: Path) -> None:
    with ExitStack() as stack:
        output = stack.enter_context(opened(tmp_path / "out", HEADER, restart=False))
        read_end, write_end = os.pipe()
        os.close(read_end)
        stack.callback(os.close, write_end)
        os.dup2(write_end, output._file.fileno())
        with pytest.raises(DiskRefused, match="cannot be written"):
            output.append(record(0))
