"""Scripts at the paths that people know are wrappers: no logic of their own, and nothing called but the CLI."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("management", "ollama", "deployment", "security", "utils", "monitoring", "maintenance")
SCRIPTS = sorted(path for folder in FOLDERS for path in (ROOT / "scripts" / folder).glob("*.sh"))


def test_the_known_ones_are_there() -> None:
    names = {path.name for path in SCRIPTS}
    known = "auth_manager auto_discover_workers central_monitor firewall_manager generate_certificates health_check"
    more = ("auto_updater", "model_manager", "rollback", "worker_manager")
    assert {f"{name}.sh" for name in (*known.split(), *more)} <= names


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_thin(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert 5 <= len(lines) <= 15
    assert script.stat().st_mode & 0o111, "it can be run"
    said = [line for line in lines if line and not line.startswith("#")]
    assert said[0] == "set -eu"
    assert said[1].startswith("root=$(cd ")
    assert said[-1].startswith('exec "$root/manager.sh" ')
    # Between them at most a verb for who gives none.
    assert all(line.startswith('[ "$#" -gt 0 ] || set -- ') for line in said[2:-1])
