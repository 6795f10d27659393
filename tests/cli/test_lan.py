"""``cluster-ai node open``: one line of the settings is written, and everything else there stays as it was."""

import tomllib
from pathlib import Path

import pytest

from cluster_ai.cli.lan import write_bind
from cluster_ai.core.errors import InvalidInput
from tests.cli.calling import cli, environment

SETTINGS = """# my cluster
name = "attic"  # not the cellar

[gateway]
# [machines]
probe_seconds = 2.0

[machines]  # the LAN
names = [
  "tower.lan",
]
# bind = "10.0.0.1"
announce = false

[ports]
base = 21000
"""


@pytest.mark.parametrize(
    ("before", "rows"),
    [
        (SETTINGS, {"names": ["tower.lan"], "announce": False}),
        (
            SETTINGS.replace('# bind = "10.0.0.1"', 'bind = "10.0.0.1" # old'),
            {"names": ["tower.lan"], "announce": False},
        ),
        (SETTINGS.replace("my cluster", "my\u2028cluster"), {"names": ["tower.lan"], "announce": False}),
        ("", {}),
        ('name = "attic"', {}),
        ("[machines]", {}),
    ],
)
def test_address_is_written_and_the_rest_stays(tmp_path: Path, before: str, rows: dict[str, object]) -> None:
    config = tmp_path / "home" / "config.toml"
    if before:
        config.parent.mkdir()
        config.write_text(before, encoding="utf-8")
        config.chmod(0o640)
    for _ in range(2):
        write_bind(config, "192.168.1.10")
    text = config.read_text(encoding="utf-8")
    assert tomllib.loads(text)["machines"] == rows | {"bind": "192.168.1.10"}
    kept = [line for line in before.split("\n") if not line.startswith("bind")]
    assert [line for line in text.split("\n") if line in kept][: len(kept)] == kept or before in text
    assert text.count('bind = "192.168.1.10"') == 1
    assert config.stat().st_mode & 0o777 == (0o640 if before else 0o600)


@pytest.mark.parametrize(
    "before", ["machines.announce = true", "machines = { announce = true }", "[machines", "[[machines]]"]
)
def test_settings_that_cannot_be_changed_so_stay_as_they_are(tmp_path: Path, before: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(before)
    with pytest.raises(InvalidInput) as refused:
        write_bind(config, "192.168.1.10")
    assert "bind" in refused.value.hint
    assert config.read_text() == before
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", 'x"\nname = "y', "a b", "10.0.0.1/24"])
def test_what_is_no_address_is_not_written(tmp_path: Path, address: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(SETTINGS)
    with pytest.raises(InvalidInput):
        write_bind(config, address)
    assert config.read_text() == SETTINGS


@pytest.mark.real
@pytest.mark.parametrize(("language", "word"), [("en", "LAN"), ("pt-BR", "rede")])
def test_verb_says_what_it_did_and_what_it_did_not(tmp_path: Path, language: str, word: str) -> None:
    env = environment(tmp_path, CLUSTER_AI_LANG=language)
    refused = cli("node", "open", "0.0.0.0", env=env)
    assert (refused.returncode != 0, word in refused.stderr) == (True, True), refused.stderr
    guarded = cli("node", "open", "192.168.1.10", env=env)
    assert (guarded.returncode, "set-password" in guarded.stderr) == (1, True), guarded.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.suffix in {".toml", ".db"}] == [], "nothing was changed"
    (tmp_path / "secrets").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "secrets" / "admin-password").write_text("a sentence of my own")
    (tmp_path / "secrets" / "admin-password").chmod(0o600)
    done = cli("node", "open", "192.168.1.10", env=env)
    assert done.returncode == 0, done.stderr
    assert "192.168.1.10" in done.stderr
    assert tomllib.loads((tmp_path / "config.toml").read_text())["machines"] == {"bind": "192.168.1.10"}
