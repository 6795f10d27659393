"""The settings over the API: each with where it came from, no secret among them; and the facts of TLS."""

import time
from pathlib import Path

import pytest

from backend.settings_room import SettingView, Told
from cluster_ai.core.paths import Home
from cluster_ai.pki.head import ensure_head
from cluster_ai.settings import head_files, load
from tests.backend.running import running_api

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
        assert client.get("/api/v1/settings/tls").json().keys() == {"authority", "certificate"}
