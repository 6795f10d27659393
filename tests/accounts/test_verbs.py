"""``cluster-ai auth user``, ``auth session`` and ``audit`` on an API of real parts."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.running import running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_api(Path(tmp_path_factory.mktemp("verbs")) / "home") as api:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        yield environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port))


def test_life_of_a_user(desk: dict[str, str]) -> None:
    made = cli("auth", "user", "add", "Ana", "--role", "operator", env=desk)
    assert made.returncode == 0, made.stderr
    assert len(made.stdout.strip()) >= 16, "the password alone goes to stdout"
    assert cli("auth", "user", "role", "ana", "user", env=desk).returncode == 0
    assert cli("auth", "user", "disable", "ana", env=desk).returncode == 0
    shown = json.loads(cli("auth", "user", "ls", "--json", env=desk).stdout)["items"]
    ana = next(row for row in shown if row["name"] == "ana")
    assert (ana["role"], ana["disabled"], ana["seen_at"]) == ("user", True, None)
    unsure = cli("auth", "user", "rm", "ana", env=desk)
    assert unsure.returncode == 2, "nobody is there to ask"
    assert cli("auth", "user", "rm", "ana", "--yes", env=desk).returncode == 0
    assert cli("auth", "user", "rm", "ana", "--yes", env=desk).returncode == 3


def test_second_factor_is_shown_and_taken_away(desk: dict[str, str]) -> None:
    assert cli("auth", "user", "add", "bo", env=desk).returncode == 0
    shown = json.loads(cli("auth", "user", "ls", "--json", env=desk).stdout)["items"]
    assert {row["second_factor"] for row in shown} == {False}
    reset = cli("auth", "user", "reset-second-factor", "bo", env=desk)
    assert reset.returncode == 0, reset.stderr
    assert "password alone" in reset.stderr
    assert cli("auth", "user", "reset-second-factor", "nobody", env=desk).returncode == 3
    assert cli("auth", "user", "rm", "bo", "--yes", env=desk).returncode == 0


def test_last_administrator_and_sessions(desk: dict[str, str]) -> None:
    refused = cli("auth", "user", "disable", "admin", env=desk)
    assert refused.returncode == 1
    assert "last enabled administrator" in refused.stderr
    listed = cli("auth", "session", "ls", "--user", "admin", "--json", env=desk)
    assert json.loads(listed.stdout)["items"] == []
    assert cli("auth", "session", "end", env=desk).returncode == 2


def test_log_is_exported_and_checked_without_the_cluster(desk: dict[str, str], tmp_path: Path) -> None:
    assert cli("auth", "user", "role", "admin", "admin", env=desk).returncode == 0
    file = tmp_path / "audit.ndjson"
    assert cli("audit", "export", "--output", str(file), env=desk).returncode == 0
    away = desk | {"CLUSTER_AI_PORTS__BACKEND": "1"}
    assert cli("audit", "verify", str(file), env=away).returncode == 0
    assert cli("audit", "verify", env=desk).returncode == 0
    file.write_text(file.read_text().replace('"actor":"local"', '"actor":"nobody"', 1))
    forged = cli("audit", "verify", str(file), env=away)
    assert forged.returncode == 1
    assert "tampered" in forged.stderr
    found = cli("audit", "ls", "--action", "change_user", "--since", "2020-01-01", "--json", env=desk)
    assert {entry["action"] for entry in json.loads(found.stdout)["items"]} == {"change_user"}
