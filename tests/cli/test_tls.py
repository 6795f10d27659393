"""The authority made, shown and kept; this head's certificate renewed."""

import json
from pathlib import Path

import pytest

from cluster_ai.cli.exits import Exit
from cluster_ai.cli.root import run
from cluster_ai.node_agent.membership import write_membership
from cluster_ai.nodes.types import AgentSettings
from cluster_ai.pki.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert run(["tls", *words, "--json"]) == Exit.OK
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_authority_is_made_once_and_the_certificate_anew_when_it_is_wanted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tls", "show"]) == Exit.ERROR, "there is none yet"
    capsys.readouterr()
    made = said(capsys, "make")
    first = Store(home / "secrets/tls").found().serial_number
    assert said(capsys, "make")["fingerprint"] == said(capsys, "show")["fingerprint"] == made["fingerprint"]
    assert Store(home / "secrets/tls").found().serial_number == first
    assert said(capsys, "renew")["fingerprint"] == made["fingerprint"]
    assert Store(home / "secrets/tls").found().serial_number != first


def test_machine_of_another_head_has_no_authority(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = AgentSettings.model_validate({"head": ["https://10.0.0.1:8443"], "node_id": "x", "name": "attic"})
    write_membership(home / "membership.json", agent)
    assert run(["tls", "make"]) == Exit.ERROR
    assert "head" in capsys.readouterr().err
    assert not (home / "secrets/ca").exists()
