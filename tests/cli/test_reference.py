"""The reference pages say what the command line does."""

import subprocess
import sys
from pathlib import Path

from cluster_ai.cli.exits import Exit
from cluster_ai.cli.root import GROUPS, VERBS
from tests.cli.calling import ROOT, cli, environment


def test_page_is_current(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from cluster_ai.cli.reference import render; print(render(), end='')"],
        cwd=ROOT, env=environment(tmp_path, CLUSTER_AI_LANG="en"), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    shown = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    assert shown == made, "run: CLUSTER_AI_LANG=en .venv/bin/python -m cluster_ai.cli.reference"


def test_every_verb_stands_in_one_group() -> None:
    grouped = [name for _, names in GROUPS for name in names]
    assert sorted(grouped) == sorted(VERBS)


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    assert not [code for code in Exit if f"| {int(code)} |" not in page]


def test_every_verb_explains_itself(tmp_path: Path) -> None:
    done = cli("--help", env=environment(tmp_path))
    assert done.returncode == 0
    assert not [name for name in VERBS if f" {name} " not in done.stdout]
