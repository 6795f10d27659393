"""Work on the cluster: the words of a tree, and a prompt over the lines of a file that is killed on its way."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.cluster.conftest import ROOT, Cluster, until

pytestmark = [pytest.mark.real]
LINES = 10


def test_words_of_a_tree_are_counted_on_the_workers(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("the cat and the dog\n" * 50)
    (tmp_path / "deep" / "b.txt").write_text("the bird\n" * 7)
    done = cluster.cli("run-example", "words", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["words"], said["files"]) == (5 * 50 + 2 * 7, 2)
    assert said["top"][0] == {"word": "the", "count": 2 * 50 + 7}
    assert sum(said["shares"].values()) == said["words"]
    shown = cluster.cli("run-example", "words", str(ROOT / "examples" / "texts"))
    assert shown.returncode == 0
    assert re.search(r"\d", shown.stdout)


def indexes(output: Path) -> Counter[int]:
    """Finished lines of the output by index; a last line that was cut is not finished."""
    found: Counter[int] = Counter()
    with contextlib.suppress(OSError):
        for line in output.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if "index" in record:
                    found[record["index"]] += 1
    return found


def test_map_killed_and_started_again_repeats_nothing_and_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("".join(f"Name a word that begins with the letter {chr(97 + n)}.\n" for n in range(LINES)))
    words = ["map", "--input", str(source), "--output", str(output), "--model", "smollm2:135m", "--prompt", "{line}"]
    first = subprocess.Popen(
        cluster.start_argv(*words), cwd=ROOT, env=cluster.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    until(lambda: 2 <= sum(indexes(output).values()) < LINES, seconds=90, what="some lines are done")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = output.read_bytes()
    before = indexes(output)
    assert 0 < len(before) < LINES
    done = cluster.cli(*words, timeout=200)
    assert done.returncode == 0, done.stderr
    assert indexes(output) == dict.fromkeys(range(LINES), 1), "every line once, none twice"
    whole = kept[: kept.rfind(b"\n") + 1]
    assert output.read_bytes().startswith(whole), "what was finished stands as it was"
    again = cluster.cli(*words, timeout=60)
    assert again.returncode == 0
    assert output.read_bytes().startswith(whole)
    assert sum(indexes(output).values()) == LINES
