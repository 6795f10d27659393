"""A machine takes the cluster's key out of its own ``authorized_keys``, and leaves everybody else's."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.nodes.bundle import switch
from cluster_ai.nodes.ssh.door import DOOR, take_away
from cluster_ai.nodes.ssh.keys import Rights, line
from tests.cli.calling import ROOT, environment

PEOPLE = "# mine\nssh-ed25519 AAAA me@laptop\n\nno-pty ssh-rsa BBBB cluster-ai-head\n"


def opening(home: Path, prefix: Path) -> str:
    """As the head leaves it."""
    return line("ssh-ed25519 CCCC cluster-ai-head", Rights(("192.168.1.2",), f"{prefix}/bin/cluster-ai"), str(home))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / 'o\'brien "and" co'
    (home / ".ssh").mkdir(parents=True)
    (home / DOOR).parent.mkdir(parents=True)
    (home / DOOR).write_text("#!/bin/sh\n")
    return home


def test_the_clusters_key_goes_and_those_of_people_stay(home: Path) -> None:
    file, prefix = home / ".ssh/authorized_keys", home / ".local/lib/cluster-ai"
    file.write_text(f"{PEOPLE}{opening(home, prefix)}\nssh-ed25519 DDDD after")
    file.chmod(0o640)
    assert take_away(home, prefix)
    assert file.read_text() == f"{PEOPLE}ssh-ed25519 DDDD after"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert not (home / DOOR).exists()
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert not take_away(home, prefix), "there is none any more"


def test_one_that_opens_another_installation_of_the_account_stays(home: Path) -> None:
    file = home / ".ssh/authorized_keys"
    file.write_text(f"{opening(home, home / 'other')}\n")
    before = file.read_text()
    assert not take_away(home, home / ".local/lib/cluster-ai")
    assert file.read_text() == before
    assert (home / DOOR).exists()


def test_a_file_that_is_kept_elsewhere_stays_there(home: Path, tmp_path: Path) -> None:
    kept, prefix = tmp_path / "keys", home / "cluster-ai"
    kept.write_text(f"{PEOPLE}{opening(home, prefix)}\n")
    (home / ".ssh/authorized_keys").symlink_to(kept)
    assert take_away(home, prefix)
    assert (home / ".ssh/authorized_keys").is_symlink()
    assert kept.read_text() == PEOPLE


def test_without_any_keys_nothing_is_made(tmp_path: Path) -> None:
    assert not take_away(tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
@pytest.mark.parametrize(
    "words",
    [
        ("-m", "cluster_ai.cli.main", "agent", "leave", "--yes"),
        # As the installer's --uninstall has it done.
        ("-c", "from cluster_ai.node_agent.leaving import shut_door; shut_door()"),
    ],
    ids=["leave", "uninstall"],
)
def test_machine_that_leaves_shuts_the_door_that_the_head_left_open(
    home: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    prefix, data = tmp_path / "prefix", tmp_path / "data"
    root = prefix / "versions/1.0-aaa/program"
    shutil.copytree(ROOT / "cluster_ai", root / "cluster_ai", ignore=shutil.ignore_patterns("__pycache__"))
    (root.parent / switch.COMPLETE).write_text("{}")
    data.mkdir()
    (data / "membership.json").write_text("{}")
    file = home / ".ssh/authorized_keys"
    file.write_text(f"{PEOPLE}{opening(home, prefix)}\n")
    env = environment(data, PYTHONPATH=str(root), HOME=str(home))
    done = subprocess.run(
        [sys.executable, "-P", *words], env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert file.read_text() == PEOPLE, done.stderr
