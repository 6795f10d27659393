"""The service: what systemd reads is what was meant, whatever the folders are called; and how much it is shut in."""

import re
import subprocess
from pathlib import Path

import pytest

from cluster_ai.firewall import boot
from cluster_ai.nodes.bundle.unit import filled
from tests.install.conftest import NASTY, ROOT

INSTALL = ROOT / "docs/reference/install.md"
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
@pytest.mark.parametrize("user", ["", "daemon"])
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


def of_the_firewall(folder: Path) -> Path:
    path = folder / boot.UNIT
    path.write_text(boot.TEMPLATE.format(nft="/usr/sbin/nft", rules="/etc/cluster-ai/firewall.nft"))
    return path


def test_systemd_has_nothing_to_say_against_the_firewalls_unit(tmp_path: Path) -> None:
    assert analyzed("verify", "--man=no", path=of_the_firewall(tmp_path)).strip() == ""


def told(line: str) -> float:
    """The figure of a unit in the documentation, by the first words of its row."""
    found = re.search(rf"^\| {line} \|.*?\| ([0-9.]+) \|$", INSTALL.read_text(), re.MULTILINE)
    assert found, line
    return float(found[1])


def test_every_unit_is_shut_in_as_far_as_the_documentation_says(tmp_path: Path) -> None:
    """0 is shut, 10 is open. A user's own systemd can do less; GPUs keep both from more.

    With no namespaces and no mounts at all the first two would be 6.3 and 2.0, and tickets' programs would have no
    sandbox.
    """
    assert exposure(unit(tmp_path / "user")) == told("`cluster-ai.service`, of a user")
    assert exposure(unit(tmp_path / "system", user="daemon")) == told("`cluster-ai.service`, of the machine")
    assert exposure(of_the_firewall(tmp_path)) == told("`cluster-ai-firewall.service`")


def test_a_path_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        filled(TEMPLATE, prefix="/a\nExecStart=/bin/evil", home="/h")
