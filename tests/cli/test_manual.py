"""The manual page says what the command line does, in roff that readers take without a complaint."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.cli.root import VERBS
from tests.cli.calling import ROOT, environment

PAGE = ROOT / "scripts/install/cluster-ai.1"


def test_page_is_current(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "from cluster_ai.cli.manual import render; print(render(), end='')"]
    env = environment(tmp_path, CLUSTER_AI_LANG="en")
    made = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert PAGE.read_text(encoding="utf-8") == made, "run: CLUSTER_AI_LANG=en python -m cluster_ai.cli.manual"


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine")
def test_readers_take_it() -> None:
    shown = subprocess.run(
        ["groff", "-man", "-k", "-ww", "-Tutf8", "-P", "-cbou", PAGE], capture_output=True, text=True, check=True
    )
    assert not shown.stderr
    words = " ".join(shown.stdout.split())
    assert not [verb for verb in VERBS if f"cluster-ai {verb}" not in words]
    assert "--fix" in words
    assert "11 rolled_back" in words


@pytest.mark.skipif(shutil.which("man") is None, reason="no man on this machine")
def test_man_shows_it(tmp_path: Path) -> None:
    env = environment(tmp_path, MANWIDTH="100", MANPAGER="cat", LC_ALL="C.UTF-8")
    shown = subprocess.run(["man", "-l", PAGE], env=env, capture_output=True, text=True, check=False)
    if "minimized" in shown.stdout + shown.stderr:
        pytest.skip("the man of this machine is a stand-in")
    assert shown.returncode == 0, shown.stderr
    assert "CLUSTER-AI(1)" in shown.stdout
