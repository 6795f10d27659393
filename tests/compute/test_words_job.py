"""The count on all workers is the count of one process."""

import random
import re
import subprocess
import sys
import threading
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from distributed import Client

from cluster_ai.compute.jobs import words
from cluster_ai.core.errors import NotFound, Unavailable
from tests.compute.parts import PATIENCE, Dask, free_ports
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]


def plain_count(paths: list[Path]) -> Counter[str]:
    """The same definition of a word, written a second time without any cutting."""
    found: Counter[str] = Counter()
    for path in paths:
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8").lower()).replace("\u2019", "'")
        found.update(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text))
    return found


def test_tree_is_counted_as_one_process_would(cluster: Dask, tmp_path: Path) -> None:
    rng = random.Random(7)
    vocabulary = ["não", "ação", "the", "word's", "naïve", "Straße", *(f"w{n}" for n in range(3000))]
    for name in ("small.txt", "sub/large.txt", "sub/deep/empty.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        count = {"small.txt": 50, "sub/large.txt": 60_000}.get(name, 0)
        path.write_text("\n".join(" ".join(rng.choices(vocabulary, k=9)) for _ in range(count)), encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    seen: list[tuple[int, int, int]] = []
    found = words(tmp_path, scheduler=cluster.address, on_progress=lambda *now: seen.append(now), part_bytes=100_000)
    expected = plain_count(sorted(tmp_path.rglob("*.txt")))
    assert found.words == expected.total()
    assert found.distinct == len(expected)
    assert [(top.word, top.count) for top in found.top] == sorted(expected.items(), key=lambda i: (-i[1], i[0]))[:20]
    assert found.files == 3
    assert found.size == sum(path.stat().st_size for path in tmp_path.rglob("*.txt"))
    assert found.skipped == {str(tmp_path / "picture.png"): "binary"}
    assert set(found.shares) == {"worker-0", "worker-1"}, "both workers took part"
    assert sum(found.shares.values()) == found.words
    total = seen[0][1]
    assert total > 16
    assert seen == [(done, total, 0) for done in range(total + 1)]


def test_example_texts(cluster: Dask) -> None:
    texts = ROOT / "examples" / "texts"
    expected = plain_count([path for path in texts.rglob("*") if path.is_file()])
    found = words(texts, scheduler=cluster.address, top=5)
    assert found.words == expected.total() > 500
    assert len(found.top) == 5
    assert found.skipped == {}


def test_empty_folder(cluster: Dask, tmp_path: Path) -> None:
    found = words(tmp_path, scheduler=cluster.address)
    assert (found.words, found.files, found.top) == (0, 0, ())


def test_nothing_there(cluster: Dask, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        words(tmp_path / "nothing", scheduler=cluster.address)


def test_no_scheduler_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="connection refused"):
        words(tmp_path, scheduler=f"127.0.0.1:{free_ports(1)[0]}")


def test_worker_that_dies_on_the_way_changes_nothing(cluster: Dask, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("one two two three three three\n" * 400_000)
    killed: list[int] = []

    def kill_one(done: int, total: int, _failed: int) -> None:
        if 2 < done < total and not killed:
            killed.append(done)
            cluster.workers[0].kill()

    found = words(text, scheduler=cluster.address, on_progress=kill_one, part_bytes=300_000)
    cluster.workers[0].wait()
    cluster.start_worker(0)
    cluster.wait_workers()
    assert killed
    assert {top.word: top.count for top in found.top} == {"one": 400_000, "two": 800_000, "three": 1_200_000}


def test_scheduler_that_dies_ends_the_count_with_a_reason(cluster: Dask, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("one two two three three three\n" * 400_000)
    lost = threading.Thread(target=cluster.lose_scheduler)

    def lose(done: int, _total: int, _failed: int) -> None:
        if done == 2:
            lost.start()

    try:
        with pytest.raises(Unavailable, match="the scheduler went away"):
            words(text, scheduler=cluster.address, on_progress=lose, part_bytes=300_000)
    finally:
        lost.join()
        cluster.wait_workers()


INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from cluster_ai.compute.jobs import words

def on_progress(done, total, failed):
    if done == 2:
        os.kill(os.getpid(), signal.SIGINT)

try:
    words(Path(sys.argv[1]), scheduler=sys.argv[2], on_progress=on_progress, part_bytes=300_000)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_the_count_and_its_tasks(cluster: Dask, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("one two two three three three\n" * 400_000)
    argv = [sys.executable, "-c", INTERRUPTED, str(text), cluster.address]
    done = subprocess.run(argv, env=cluster.environment(), capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    with Client(cluster.address, set_as_default=False) as client:
        until(lambda: not any(client.processing().values()), seconds=PATIENCE, what="nothing is counted any more")
