"""``cluster-ai agent``: what a box is told that is alone, that was given a part of a line, and that leaves."""

import json
from pathlib import Path

import pytest

from cluster_ai.node_agent.membership import write_membership
from cluster_ai.nodes.types import AgentSettings
from tests.cli.calling import cli, environment
from tests.pki.members import Members

pytestmark = pytest.mark.real
LINE = f"https://192.0.2.1:8443/join?ca={'0a' * 32}#{'0' * 16}.{'1' * 48}"


def member(home: Path) -> None:
    """Makes ``home`` that of a machine that has joined."""
    members = Members(home / "secrets", 1_800_000_000.0)
    store, _ = members.node(1)
    store.folder.rename(home / "secrets" / "tls")
    agent = {"head": ["https://192.0.2.1:8443"], "node_id": "n", "name": "tower", "bind": "192.0.2.7"}
    write_membership(home / "membership.json", AgentSettings.model_validate(agent))


@pytest.mark.parametrize(("language", "word"), [("en", "line"), ("pt-BR", "linha")])
def test_part_of_a_line_is_refused_with_a_sentence(tmp_path: Path, language: str, word: str) -> None:
    env = environment(tmp_path, CLUSTER_AI_LANG=language)
    for text in (LINE.partition("#")[0], ""):
        told = cli("agent", "join", env=env, stdin=text + "\n")
        assert told.returncode != 0
        assert word in told.stderr.lower()
        assert "Traceback" not in told.stderr
    assert not (tmp_path / "membership.json").exists()


def test_box_that_is_alone_is_told_so(tmp_path: Path) -> None:
    env = environment(tmp_path, CLUSTER_AI_LANG="en")
    for words in (("agent", "show"), ("agent", "leave", "--yes")):
        told = cli(*words, env=env)
        assert told.returncode != 0
        assert "agent join" in told.stderr


def test_member_is_shown_and_leaves_nothing_behind(tmp_path: Path) -> None:
    member(tmp_path)
    env = environment(tmp_path, CLUSTER_AI_LANG="en")
    shown = json.loads(cli("agent", "show", "--json", env=env).stdout)
    assert (shown["name"], shown["certificate_until"]) == ("tower", 1_800_000_000.0 + 90 * 86_400)
    again = cli("agent", "join", env=env, stdin=LINE + "\n")
    assert again.returncode != 0
    assert "leave" in again.stderr
    unasked = cli("agent", "leave", env=env)
    assert unasked.returncode != 0
    assert (tmp_path / "membership.json").exists()
    left = cli("agent", "leave", "--yes", env=env)
    assert left.returncode == 0, left.stderr
    assert not (tmp_path / "membership.json").exists()
    assert not (tmp_path / "secrets" / "tls").exists()
