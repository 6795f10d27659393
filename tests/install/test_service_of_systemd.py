"""The service: what systemd reads is what was meant, whatever the folders are called; and how much it is shut in."""

import re
import subprocess
from pathlib import Path

import pytest

from cluster_ai.nodes.bundle.unit import filled
from tests.install.conftest import NASTY, ROOT

TEMPLATE = (ROOT / "config/systemd/cluster-ai.service").read_text()


def unit(folder: Path, *, user: str = "") -> Path:
    runner = folder / "bin/cluster-ai-run"
    runner.parent.mkdir(parents=True)
    runner.write_text("#!/bin/sh\n")
    runner.chmod(0o755)
    path = folder / "cluster-ai.service"
    path.write_text(filled(TEMPLATE, prefix=str(folder), home=str(folder / "data"), user=user))
    return path


def analyzed(*argv: str, path: Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", *argv, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": "/tmp", "SYSTEMD_LOG_LEVEL": "warning"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["plain", NASTY, 'a "quoted" \\ one'])
@pytest.mark.parametrize("user", ["", "nobody"])
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path, name: str, user: str) -> None:
    (tmp_path / name).mkdir()
    path = unit(tmp_path / name / "cluster", user=user)
    where = () if user else ("--user",)
    assert analyzed("verify", *where, "--man=no", path=path).strip() == ""


def test_a_users_service_has_no_line_that_needs_privileges() -> None:
    text = filled(TEMPLATE, prefix="/p", home="/h")
    for word in ("User=", "ProtectSystem", "CapabilityBoundingSet", "multi-user.target", "#system#", "#user#", "@"):
        assert word not in re.sub(r"@(system-service|privileged|obsolete)", "", text), word
    assert "NoNewPrivileges=yes" in text
    assert "Restart=always" in text


def test_the_machines_service_runs_as_its_user_and_writes_its_own_folders_alone() -> None:
    text = filled(TEMPLATE, prefix="/opt/c", home="/var/lib/c", user="cluster-ai")
    assert "User=cluster-ai\n" in text
    assert 'ReadWritePaths="/var/lib/c" "/opt/c"\n' in text
    assert "WantedBy=multi-user.target" in text


def exposure(path: Path) -> float:
    told = analyzed("security", "--offline=yes", "--no-pager", path=path)
    found = re.search(r"exposure level for .*: ([0-9.]+)", told)
    assert found, told
    return float(found[1])


def test_how_far_it_is_shut_in(tmp_path: Path) -> None:
    """0 is shut, 10 is open. A user's own systemd can do less; GPUs keep both from more.

    With no namespaces and no mounts at all it would be 6.3 and 2.3, and tickets' programs would have no sandbox.
    """
    assert exposure(unit(tmp_path / "user")) <= 7.2
    assert exposure(unit(tmp_path / "system", user="nobody")) <= 3.2


def test_a_path_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        filled(TEMPLATE, prefix="/a\nExecStart=/bin/evil", home="/h")
