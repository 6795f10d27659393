"""This very checkout becomes an installed head, with the real program; a second run finds that it is the same."""

import subprocess
from pathlib import Path

import pytest

from cluster_ai import __version__
from tests.install.conftest import Machine

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1200)]


def run(machine: Machine, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        machine.argv(*words), env=machine.environment, cwd=machine.root, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=1000, start_new_session=True, check=False,
    )  # fmt: skip


def test_it_is_packed_unfolded_and_can_be_started(machine: Machine, tmp_path: Path) -> None:
    done = run(machine, "all-in-one", "--user", "--no-service", "--yes")
    assert done.returncode == 0, done.stderr
    told = machine.run(argv=[str(machine.prefix / "bin/cluster-ai"), "--version"])
    assert __version__ in told.stdout, told.stderr
    assert (machine.data / "config.toml").read_text() == ""
    assert sorted(path.name for path in machine.prefix.iterdir()) == sorted(
        ["bin", "current", "home", "made.list", "port-base", "role", "signer", "versions"]
    ), "what was packed for this alone is gone"
    again = run(machine, "all-in-one", "--user", "--no-service", "--yes")
    assert again.returncode == 0, again.stderr
    assert "Nothing to do" in again.stderr
    gone = run(machine, "--uninstall", "--purge", "--yes", "--user")
    assert gone.returncode == 0, gone.stderr
    assert not [name for name in machine.files() if "cluster" in name], machine.files()
