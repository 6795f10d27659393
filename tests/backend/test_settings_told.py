"""The settings over the API: each with where it came from, no secret among them; and the facts of TLS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.settings_room import SettingView, Told
from cluster_ai.core.paths import Home
from cluster_ai.pki.head import ensure_head
from cluster_ai.settings import head_files, load
from tests.backend.running import Api, running_api

PATH = "/api/v1/settings"

FILE = """# kept
name = "attic"
database_url = "postgresql://me:s3cr/3t@c@db/x"
[gateway]
open_webui_secret = "open-webui-secret-of-some-length-0123456789"
[gateway.aliases]
small = ["tiny"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    home.config.write_text(FILE)
    monkeypatch.setenv("CLUSTER_AI_BACKEND__TICK_SECONDS", "2")
    return home


def told(home: Home) -> Told:
    return Told(load({"CLUSTER_AI_HOME": str(home.root)}))


def by_name(one: Told) -> dict[str, SettingView]:
    return {item.name: item for item in one.view().items}


def test_each_says_where_it_came_from_and_what_takes_it_up(home: Home) -> None:
    found = by_name(told(home))
    assert (found["name"].value, found["name"].default, found["name"].source) == ("attic", "home", "file")
    assert (found["backend.tick_seconds"].value, found["backend.tick_seconds"].source) == (2.0, "environment")
    assert (found["log_level"].value, found["log_level"].source) == ("info", "default")
    assert (found["gateway.aliases"].value, found["gateway.aliases"].taken_up) == ({"small": ["tiny"]}, "reload")
    assert found["gateway.processes"].taken_up == "restart"
    assert all(item.meaning for item in found.values())


def test_no_secret_is_sent(home: Home) -> None:
    one = told(home)
    text = one.view().model_dump_json()
    assert "s3cr" not in text
    assert "3t@c" not in text
    assert "open-webui-secret" not in text
    found = by_name(one)
    assert found["database_url"].secret
    assert found["gateway.open_webui_secret"].secret
    assert not found["logs.loki_token"].secret, "there is none"


def test_what_waits_is_told_even_of_a_secret_and_a_broken_file_hides_nothing(home: Home) -> None:
    one = told(home)
    assert not any(item.changed for item in one.view().items)
    home.config.write_text(FILE.replace("attic", "cellar").replace("length-0123456789", "length-9876543210"))
    changed = {name for name, item in by_name(one).items() if item.changed}
    assert changed == {"name", "gateway.open_webui_secret"}
    assert by_name(one)["name"].value == "attic", "what is in force"
    home.config.write_text("name = [")
    view = one.view()
    assert not view.readable
    assert {item.name: item.value for item in view.items}["name"] == "attic"


def test_tls_is_told_and_nothing_made(home: Home) -> None:
    one = told(home)
    now = time.time()
    assert one.tls(now).authority is None
    assert not home.authority.exists()
    authority = ensure_head(head_files(one.settings), now=now)
    view = one.tls(now)
    assert view.authority is not None
    assert view.certificate is not None
    assert view.authority.fingerprint == authority.fingerprint
    assert "localhost" in view.certificate.names
    assert not view.certificate.due
    later = one.tls(now + 80 * 86_400).certificate
    assert later is not None
    assert later.due
    assert later.fingerprint == view.certificate.fingerprint, "told, not renewed"


def test_over_the_api(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api, api.local() as client:
        answer = client.get("/api/v1/settings")
        assert answer.status_code == 200, answer.text
        assert "gateway.strategy" in {item["name"] for item in answer.json()["items"]}
        assert client.get("/api/v1/settings/tls").json().keys() == {
            "authority", "certificate", "cluster_id",
        }  # fmt: skip


def test_each_setting_says_what_a_form_must_know(home: Home) -> None:
    found = by_name(told(home))
    assert (found["gateway.resume"].kind, found["gateway.queue_length"].kind) == ("switch", "integer")
    assert found["gateway.anonymous"].choices == ("off", "inference", "full")
    assert (found["lang"].kind, found["lang"].optional) == ("choice", True)
    assert found["backend.tick_seconds"].locked == "environment"
    # Whoever sets these from afar would have the machine itself, let others in, or lock everybody out.
    for name in ("executors.sandbox", "agent.allow_exec", "gateway.anonymous", "notify.allow", "bind", "update.signer"):
        assert found[name].locked == "machine"
    for name, item in found.items():
        if item.kind in {"text", "list"} and any(word in name for word in ("folder", "_file", "inputs")):
            assert item.locked == "machine", name


def test_settings_are_changed_over_the_api(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api, api.local() as client:
        api.home.config.write_text("# mine\n[gateway]\nqueue_length = 9 # few\n")
        first = client.get(PATH).json()
        changes = {"gateway.queue_length": 64, "backup.every_hours": 24.0, "logs.loki_token": "very-secret-token"}
        answer = client.patch(PATH, json={"changes": changes}, headers={"If-Match": f'"{first["revision"]}"'})
        assert answer.status_code == 200, answer.text
        assert "very-secret" not in answer.text
        items = {item["name"]: item for item in answer.json()["items"]}
        shown = items["backup.every_hours"]
        assert (shown["value"], shown["written"], shown["changed"], shown["taken_up"]) == (0.0, 24.0, True, "restart")
        assert items["logs.loki_token"]["secret"]
        text = api.home.config.read_text()
        assert "# mine" in text
        assert "queue_length = 64 # few" in text
        late = client.patch(PATH, json={"changes": {"name": "x"}}, headers={"If-Match": f'"{first["revision"]}"'})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        back = client.patch(PATH, json={"changes": {"backup.every_hours": None}}).json()
        assert not {item["name"]: item for item in back["items"]}["backup.every_hours"]["changed"]
        rows = client.get("/api/v1/audit").json()["items"]
        kept = [(row["action"], row["subject"], row["outcome"]) for row in rows if row["action"] == "change_settings"]
        assert ("change_settings", "gateway.queue_length backup.every_hours logs.loki_token", "done") in kept
        assert ("change_settings", "name", "changed_meanwhile") in kept
        assert "very-secret" not in str(rows)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"executors.sandbox": "none"}, 403, "setting_locked"),
        ({"bind": "0.0.0.0"}, 403, "setting_locked"),
        ({"gateway.queue_length": "many"}, 422, "invalid_input"),
        ({"no.such": 1}, 422, "invalid_input"),
        ({"logs.loki_token": "***"}, 422, "invalid_input"),
        ({"gateway.upstreams": [{"name": "a", "url": "http://a", "headers": {"x": "***"}}]}, 422, "invalid_input"),
        ({}, 422, "invalid_input"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    changes: dict[str, object], status: int, code: str, api_of_all: Api
) -> None:
    with api_of_all.local() as client:
        answer = client.patch(PATH, json={"changes": {"name": "kept"} | changes if changes else {}})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert not api_of_all.home.config.exists()


@pytest.fixture(scope="module")
def api_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("settings") / "home") as api:
        yield api
