"""What a test mounts and marks is gone with its process, however that ends."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import until

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
VICTIM = """
import sys, time
from pathlib import Path
from tests.disks import immutable, real_disk, small_room
folder = Path(sys.argv[1])
with real_disk(folder / "disk") as disk, small_room(folder / "room"):
    (disk / "file").write_text("x")
    with immutable(disk / "file"):
        print("ready", flush=True)
        time.sleep(600)
"""


def test_a_killed_test_leaves_no_mount_and_nothing_that_cannot_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "victim"
    folder.mkdir()
    argv = [sys.executable, "-c", VICTIM, str(folder)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as victim:
        assert victim.stdout
        assert victim.stdout.readline() == b"ready\n"
        inside = Path(f"/proc/{victim.pid}/mounts").read_text()
        assert str(folder) in inside
        assert str(folder) not in Path("/proc/self/mounts").read_text(), "nobody else sees them"
        assert used(folder)
        victim.send_signal(signal.SIGKILL)
    until(lambda: not used(folder), seconds=20, what="the loop device is free again")
    shutil.rmtree(folder)


def used(folder: Path) -> str:
    """The loop devices over a file in it."""
    argv = ["losetup", "-j", str(folder / "disk.img")]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
