"""The verbs of backups: made, listed, looked at, restored, with their exit codes."""

import json
from pathlib import Path

import pytest

from cluster_ai.cli.exits import Exit
from cluster_ai.cli.root import run
from cluster_ai.core.paths import Home
from cluster_ai.ops import tables
from cluster_ai.ops.shelf import write_whole
from tests.cli.calling import cli, environment
from tests.ops.places import furnished, words_in


@pytest.fixture
def here(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(home.root))
    return home


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert run(["backup", *words, "--json"]) == Exit.OK
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_made_listed_verified_and_restored_on_another_machine(
    here: Home,
    tmp_path: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["backup", "create"]) == Exit.OK
    told = capsys.readouterr()
    path = Path(told.out.strip())
    assert str(here.backup_key) in told.err, "whoever has no copy of the key has no backup"
    items = said(capsys, "ls")["items"]
    assert isinstance(items, list)
    assert [(one["name"], one["verified"]) for one in items] == [(path.name, True)]
    assert said(capsys, "verify", path.name)["verified"]
    other = furnished(tmp_path / "other", sqlite_template, word="second")
    monkeypatch.setenv("CLUSTER_AI_HOME", str(other.root))
    words = ["restore", str(path), "--key-file", str(here.backup_key)]
    assert run(["backup", *words]) == Exit.USAGE, "nobody is there to ask"
    assert words_in(other) == {"second"}
    aside = said(capsys, *words, "--yes")["aside"]
    assert words_in(other) == {"first"}
    assert words_in(Home(Path(str(aside)))) == {"second"}


def test_passphrase_is_read_from_a_file(here: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phrase, wrong = tmp_path / "phrase", tmp_path / "wrong"
    phrase.write_text("correct horse battery\n")
    wrong.write_text("correct horse batterz\n")
    name = Path(str(said(capsys, "create", "--passphrase-file", str(phrase))["path"])).name
    assert not here.backup_key.exists()
    assert said(capsys, "verify", name, "--passphrase-file", str(phrase))["verified"]
    assert run(["backup", "verify", name, "--passphrase-file", str(wrong)]) == Exit.ERROR
    assert "backup_wrong_key" in capsys.readouterr().err
    assert run(["backup", "verify", name]) == Exit.NOT_FOUND, "there is no key file"


def test_removing_asks_and_unknown_names_are_told(here: Home, capsys: pytest.CaptureFixture[str]) -> None:
    name = Path(str(said(capsys, "create")["path"])).name
    assert run(["backup", "rm", name]) == Exit.USAGE
    assert run(["backup", "rm", name, "--yes"]) == Exit.OK
    assert run(["backup", "rm", name, "--yes"]) == Exit.NOT_FOUND
    assert run(["backup", "restore", "none", "--yes"]) == Exit.NOT_FOUND
    here.database.unlink()
    assert run(["backup", "create"]) == Exit.NOT_FOUND


@pytest.mark.real
def test_interrupted_restore_is_ended_by_a_verb(here: Home) -> None:
    assert run(["backup", "finish"]) == Exit.OK
    staged = here.root / ".restoring-x"
    staged.mkdir()
    (staged / "config.toml").write_text('name = "newer"\n')
    note = {"staged": staged.name, "aside": "before-restore-x", "names": ["config.toml"], "coming": ["config.toml"]}
    write_whole(here.restoring, json.dumps(note))
    refused = cli("up", env=environment(here.root))
    assert refused.returncode == Exit.ERROR
    assert "restore_unfinished" in refused.stderr
    assert run(["backup", "finish"]) == Exit.OK
    assert here.config.read_text() == 'name = "newer"\n'
    assert (here.root / "before-restore-x/config.toml").read_text() == 'name = "first"\n'
    assert not here.restoring.exists()


@pytest.mark.real
def test_a_cluster_moves_to_a_server_and_is_backed_up_there(
    here: Home, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["database", "move"]) == Exit.USAGE, "no server is named"
    assert "database_url" in capsys.readouterr().err
    before = tables.chain_head(here.database)
    (here.root / "config.toml").write_text(f'name = "first"\ndatabase_url = "{postgres_url}"\n')
    (here.root / "config.toml").chmod(0o600)
    assert run(["database", "move"]) == Exit.OK
    aside = next(here.root.glob("before-move-*"))
    assert tables.chain_head(aside / "cluster.db") == before
    assert not list(here.data.glob("cluster.db*"))
    assert run(["database", "move"]) == Exit.NOT_FOUND
    path, other = str(said(capsys, "create")["path"]), Home(tmp_path / "other")
    monkeypatch.setenv("CLUSTER_AI_HOME", str(other.root))
    assert run(["backup", "restore", path, "--key-file", str(here.backup_key), "--yes"]) == Exit.OK
    assert "PostgreSQL" in capsys.readouterr().err, "the head would look elsewhere"
    assert tables.chain_head(other.database) == before
    assert run(["database", "move"]) == Exit.ERROR, "there are rows already"
    assert "database_not_empty" in capsys.readouterr().err
    assert tables.chain_head(other.database) == before
