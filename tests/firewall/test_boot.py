"""Rules kept over boots: written, enabled and taken away by the system's own tools, under a folder instead of /."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cluster_ai.firewall.boot import UNIT, Boot

pytestmark = pytest.mark.real
SCRIPT = "add table inet cluster_ai\n"


def do(*words: str, given: str = "") -> str:
    return subprocess.run(words, input=given, capture_output=True, text=True, check=True, timeout=60).stdout


def test_unit_is_one_and_is_started_at_boot_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    nft = shutil.which("nft")
    assert nft, "nft is not installed here"
    boot = Boot(do, nft, root=tmp_path)
    assert not boot.is_kept()
    for text in (SCRIPT, SCRIPT * 2):
        boot.keep(text)
        assert boot.is_kept()
        assert (tmp_path / "etc/cluster-ai/firewall.nft").read_text() == text
    assert do("systemctl", f"--root={tmp_path}", "is-enabled", UNIT).strip() == "enabled"
    unit = tmp_path / "etc/systemd/system" / UNIT
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert UNIT not in said.stderr, said.stderr
    boot.forget()
    assert not boot.is_kept()
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
