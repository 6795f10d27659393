"""A file is whole or as it was, whoever dies meanwhile."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_FILE

LONG = 2**20
WRITER = """
import sys
from pathlib import Path
from cluster_ai.core import files
print("writes", flush=True)
while True:
    for letter in "ab":
        files.replace(Path(sys.argv[1]), letter * int(sys.argv[2]))
"""


def test_it_says_what_was_written_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    for content in ("ß", b"\xff\x00", ""):
        files.replace(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert path.stat().st_mode & 0o777 == PRIVATE_FILE
    files.replace(path, "for all", mode=0o644)
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "note"
    files.replace(path, "first")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace(path, "second")
    assert [one.name for one in tmp_path.iterdir()] == ["note"]
    assert path.read_text() == "first"


def test_two_writers_do_not_spoil_each_other(tmp_path: Path) -> None:
    path = tmp_path / "note"

    def write(letter: str) -> None:
        for _ in range(20):
            files.replace(path, letter * LONG)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in {"a" * LONG, "b" * LONG}
    assert [one.name for one in tmp_path.iterdir()] == ["note"]


@pytest.mark.real
def test_a_writer_that_is_killed_leaves_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "note"
    for moment in range(10):
        command = [sys.executable, "-c", WRITER, str(path), str(LONG)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            threading.Event().wait(0.01 + moment * 0.003)
            writer.send_signal(signal.SIGKILL)
        if path.exists():
            assert path.read_text() in {"a" * LONG, "b" * LONG}
    assert path.exists()
