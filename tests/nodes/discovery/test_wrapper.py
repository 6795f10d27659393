"""``auto_discover_workers.sh`` is a door to the CLI and nothing more."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/deployment/auto_discover_workers.sh"


def called(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What it hands to ``manager.sh`` of the folder that it stands in."""
    folder = tmp_path / "a folder with spaces"
    (folder / "scripts/deployment").mkdir(parents=True)
    copy = Path(shutil.copy(SCRIPT, folder / "scripts/deployment"))
    manager = folder / "manager.sh"
    manager.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit 7\n')
    manager.chmod(0o755)
    return subprocess.run([copy, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "<node><discover><--add>"),
        (("--json",), "<node><discover><--json>"),
        (("--ports", "$(id) a;b"), "<node><discover><--ports><$(id) a;b>"),
    ],
)
def test_everything_is_handed_on(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = called(tmp_path, *arguments)
    assert (done.stdout, done.stderr, done.returncode) == (told, "", 7)


def test_it_stays_thin() -> None:
    lines = SCRIPT.read_text().splitlines()
    assert 5 <= len(lines) <= 15
    assert subprocess.run(["sh", "-n", SCRIPT], check=False).returncode == 0
