"""``cluster-ai key`` and ``usage`` on an API of real parts."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_ai.keys import tables
from cluster_ai.keys.records import Used
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment

pytestmark = pytest.mark.real


class Desk:
    """The verbs, on a data directory whose API listens where they look for it."""

    def __init__(self, api: Api) -> None:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        self.api = api
        self.env = environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port))

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return cli(*words, env=self.env)

    def listed(self, *words: str) -> dict[str, dict]:
        done = self.cli("key", "list", "--json", *words)
        assert done.returncode == 0, done.stderr
        return {row["name"]: row for row in json.loads(done.stdout)["items"]}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_api(Path(tmp_path_factory.mktemp("verbs")) / "home") as api:
        yield Desk(api)


def test_secret_alone_goes_to_stdout_and_no_list_shows_it(desk: Desk) -> None:
    made = desk.cli("key", "create", "script", "--model", "llama3*", "--requests-per-minute", "5", "--expires", "30d")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert secret.startswith("cai_")
    assert len(made.stdout.splitlines()) == 1
    assert "script" in made.stderr
    row = desk.listed()["script"]
    assert row["models"] == ["llama3*"]
    assert row["limits"]["requests_per_minute"] == 5
    assert 29 * 86_400 < row["expires_at"] - row["created_at"] <= 30 * 86_400 + 60
    shown = desk.cli("key", "list")
    assert row["prefix"] in shown.stdout
    assert "5 req/min" in shown.stdout
    assert secret not in shown.stdout + shown.stderr


def test_change_keeps_what_is_not_said(desk: Desk) -> None:
    desk.cli("key", "create", "changing", "--tokens-per-day", "9", "--hedge", "--expires", "1h")
    done = desk.cli(
        "key", "change", "changing", "--requests-per-day", "3", "--priority", "batch", "--expires", "never", "--json"
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["limits"]["tokens_per_day"], said["limits"]["requests_per_day"]) == (9, 3)
    assert (said["priority"], said["hedge"], said["expires_at"]) == ("batch", True, None)


def test_revoked_by_name_or_first_characters_and_only_when_sure(desk: Desk) -> None:
    assert desk.cli("key", "create", "twin").returncode == 0
    refused = desk.cli("key", "create", "twin")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "key_exists" in refused.stderr
    assert desk.cli("key", "create", "twin", "--owner", "admin").returncode == 0
    several = desk.cli("key", "revoke", "twin", "--yes")
    assert several.returncode == 3
    assert several.stderr.count("cai_") == 2
    prefix = desk.listed()["twin"]["prefix"]
    assert desk.cli("key", "revoke", prefix).returncode == 2, "nobody is there to ask"
    assert desk.cli("key", "revoke", prefix, "--yes").returncode == 0
    assert desk.cli("key", "revoke", "twin", "--yes").returncode == 0, "one of that name is left"
    assert "twin" not in desk.listed()
    assert desk.listed("--all")["twin"]["state"] == "revoked"
    assert desk.cli("key", "revoke", "nobody", "--yes").returncode == 3


@pytest.mark.parametrize(
    "words",
    [
        ("key", "create"),
        ("key", "create", "x", "--expires", "soon"),
        ("key", "create", "x", "--scope", "admin:all"),
        ("key", "create", "x", "--model", "a b"),
        ("key", "create", "x", "--requests-per-day", "-1"),
        ("key", "create", "x", "--owner", "nobody"),
        ("usage", "--by", "digest"),
        ("usage", "--from", "yesterday"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_refused(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.cli(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr


def test_usage_in_columns_and_as_json(desk: Desk) -> None:
    desk.cli("key", "create", "user")
    key = desk.listed()["user"]["id"]

    async def add() -> None:
        async with desk.api.plane.accounts._database.transaction() as connection:
            rows = [
                Used(key, "a:1b", "n1", "2027-05-01", 3, 1, 10, 20),
                Used("", "b:1b", "n1", "2027-05-02", 1, 0, 1, 2),
                Used("", "", "", "2027-04-30", 4, 4, 0, 0),
            ]
            await tables.add_usage(connection, rows)

    asyncio.run_coroutine_threadsafe(add(), desk.api.served.loop).result(timeout=10)
    shown = desk.cli("usage", "--by", "key")
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()[1:]]
    assert ["user", "3", "1", "10", "20"] in rows
    assert any("(without a key)" in row for row in shown.stdout.splitlines())
    for by in ("model", "node"):
        said = desk.cli("usage", "--by", by).stdout
        assert f"(no {by})" in said
        assert "without a key" not in said
    assert "(sem nó)" in desk.cli("--lang", "pt-BR", "usage", "--by", "node").stdout
    said = json.loads(desk.cli("usage", "--from", "2027-05-02", "--json").stdout)
    assert [row["name"] for row in said["items"]] == ["b:1b"]
    mine = json.loads(desk.cli("usage", "--by", "day", "--key", "user", "--json").stdout)
    assert [row["name"] for row in mine["items"]] == ["2027-05-01"]
