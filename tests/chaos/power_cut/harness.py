"""Cuts the power of a file system: what reached the block layer stays, what the kernel still held is gone.

The database lies on an ext4 in an image file. The writer is stopped, the image is copied while the file system is
alive (that copy is the disk as the cut left it), the copy is mounted (which replays ext4's journal) and compared with
what was acknowledged.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.disks import mounted, run

ROOT = Path(__file__).parents[3]
WRITER = Path(__file__).with_name("writer.py")
MEGABYTES = 96


@dataclass(frozen=True)
class Outcome:
    acknowledged: int
    lost: int
    integrity: str


@contextlib.contextmanager
def file_system(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Image and mount point of a fresh ext4."""
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(MEGABYTES * 1024 * 1024)
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
    with mounted(image, folder / "disk") as disk:
        yield image, disk


@contextlib.contextmanager
def writing(path: Path, *, synchronous: str, writers: int = 4) -> Iterator[subprocess.Popen[bytes]]:
    """A writer that has begun to acknowledge."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(path), synchronous, str(writers)],
        stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def acknowledged(process: subprocess.Popen[bytes], *, seconds: float, end: signal.Signals) -> set[int]:
    """Every id that was promised until the writer got that signal."""
    assert process.stdout
    found, until = b"", time.monotonic() + seconds
    os.set_blocking(process.stdout.fileno(), False)
    while time.monotonic() < until:
        found += process.stdout.read() or b""
        time.sleep(0.005)
    process.send_signal(end)
    wait_stopped(process.pid)
    found += process.stdout.read() or b""
    return {int(line) for line in found.split(b"\n")[:-1]}


def wait_stopped(pid: int) -> None:
    """Until it runs no more: stopped, or dead and not yet reaped."""
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"T", "t", "Z", "X"}:
        time.sleep(0.001)


def compare(path: Path, promised: set[int]) -> Outcome:
    if not path.exists():
        return Outcome(len(promised), len(promised), "no file")
    connection = sqlite3.connect(path)
    try:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
        stored = {row[0] for row in connection.execute("SELECT id FROM row")}
    except sqlite3.DatabaseError as exc:
        return Outcome(len(promised), len(promised), str(exc))
    finally:
        connection.close()
    return Outcome(len(promised), len(promised - stored), integrity)


def cut_power(folder: Path, *, synchronous: str, seconds: float = 0.8) -> Outcome:
    """What is left of what was promised after a power cut."""
    with file_system(folder) as (image, disk):
        # What makes the file itself is long on the disk when the lights go out.
        with writing(disk / "x.db", synchronous=synchronous) as process:
            os.sync()
            promised = acknowledged(process, seconds=seconds, end=signal.SIGSTOP)
            shutil.copyfile(image, folder / "cut.img")
        with mounted(folder / "cut.img", folder / "after") as after:
            return compare(after / "x.db", promised)
