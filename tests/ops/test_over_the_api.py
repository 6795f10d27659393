"""Backups over the API: made, listed, looked at, downloaded, removed, each in the audit log; and by themselves."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.backups_room import Around, Backups, BackupsConfig
from backend.updates_room import Updates, UpdatesConfig
from cluster_ai.accounts.service import Times
from cluster_ai.core.ids import new_id
from cluster_ai.nodes.bundle import switch
from cluster_ai.ops import proving
from cluster_ai.ops.desk import Desk
from cluster_ai.ops.keeping import is_due
from cluster_ai.ops.sealed import Key
from cluster_ai.ops.types import BackupSettings
from cluster_ai.ops.updates.desk import Desk as UpdatesDesk
from cluster_ai.ops.updates.types import UpdateSettings
from tests.backend.running import Api, running_api
from tests.ops.installed import OLD, authority_of, bundle, mark

BACKUPS = "/api/v1/backups"
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("backups")) as api:
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[httpx2.Client]:
    with api.client(Authorization=f"Bearer {api.token()}") as client:
        yield client


def audited(api: Api) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(api.home.database)) as connection:
        return list(
            connection.execute("SELECT action, outcome FROM audit WHERE action LIKE '%_backup' ORDER BY number")
        )


def test_made_verified_downloaded_and_removed(api: Api, client: httpx2.Client, tmp_path: Path) -> None:
    made = client.post(BACKUPS)
    assert made.status_code == 201, made.text
    name = made.json()["name"]
    assert made.json()["verified"]
    assert [one["name"] for one in client.get(BACKUPS).json()["items"]] == [name]
    told = client.get("/metrics").text
    assert re.search(r"^cluster_ai_backup_last_success_timestamp_seconds[^#\n]* 1\.\d+e\+09$", told, re.MULTILINE), (
        told[-500:]
    )
    answer = client.get(f"{BACKUPS}/{name}/file")
    assert name in answer.headers["content-disposition"]
    (tmp_path / "copy").write_bytes(answer.content)
    (tmp_path / "trial").mkdir()
    found = proving.unsealed(tmp_path / "copy", tmp_path / "trial", Key.of_file(api.home.backup_key))
    assert found.rows["users"] == 1
    assert client.post(f"{BACKUPS}/{name}/verify").json()["verified"]
    path = api.home.backups / name
    path.write_bytes(path.read_bytes()[:-3])
    refused = client.post(f"{BACKUPS}/{name}/verify")
    assert (refused.status_code, refused.json()["code"]) == (409, "backup_truncated")
    assert not client.get(BACKUPS).json()["items"][0]["verified"]
    assert client.delete(f"{BACKUPS}/{name}").status_code == 204
    assert "cluster_ai_backup_last_success" not in client.get("/metrics").text
    assert client.delete(f"{BACKUPS}/{name}").json()["code"] == "backup_not_found"
    assert client.get(f"{BACKUPS}/..%2Fsecrets/file").status_code in {404, 422}
    assert audited(api) == [
        ("create_backup", "done"),
        ("download_backup", "done"),
        ("verify_backup", "done"),
        ("verify_backup", "backup_truncated"),
        ("remove_backup", "done"),
        ("remove_backup", "backup_not_found"),
    ]


def scheduled(api: Api, folder: Path, *, leads: int = 1) -> tuple[Backups, Desk]:
    settings = BackupSettings(every_hours=24, folder=str(folder))
    desk = Desk(BackupsConfig(api.home, f"sqlite:///{api.home.database}", settings))
    plane = api.plane
    around = Around(plane.rooms, plane.bus, Times(now=lambda: 1_800_000_000.0, new_id=new_id), lambda: leads)
    return Backups(desk, around), desk


def test_head_that_leads_makes_one_when_it_is_time(api: Api, tmp_path: Path) -> None:
    follower, desk = scheduled(api, tmp_path, leads=0)
    api.served.run(follower.tick())
    assert desk.all() == ()
    leader, desk = scheduled(api, tmp_path)
    api.served.run(leader.tick())
    api.served.run(leader.tick())
    (one,) = desk.all()
    assert one.verified


def test_failure_is_an_event_once(api: Api, tmp_path: Path) -> None:
    api.home.backup_key.write_text("no key\n")
    try:
        leader, desk = scheduled(api, tmp_path)
        api.served.run(leader.tick())
        api.served.run(leader.tick())
    finally:
        api.home.backup_key.unlink()
    assert desk.all() == ()
    with closing(sqlite3.connect(api.home.database)) as connection:
        told = list(connection.execute("SELECT type, subject FROM events WHERE type = 'backup.failed'"))
    assert told == [("backup.failed", "backup_key_missing")]


def test_updates_are_told_and_never_applied_from_afar(api: Api, client: httpx2.Client) -> None:
    answer = client.get("/api/v1/program/updates")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["installed"], told["configured"], told["available"]) == (False, False, None), "a checkout"
    assert client.post("/api/v1/program/updates").status_code == 405


def test_head_that_leads_tells_of_a_newer_version_once(api: Api, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    mark(prefix, OLD, "0.1.0")
    switch.flip(prefix, OLD)
    bundle(api.home, tmp_path / "new.tar")
    settings = UpdateSettings(source=str(tmp_path / "new.tar"), signer=authority_of(api.home).fingerprint)
    config = UpdatesConfig(api.home, settings, root=prefix / "versions" / OLD / "program")
    plane, now = api.plane, [1_800_000_000.0]

    def room(leads: int) -> Updates:
        around = Around(plane.rooms, plane.bus, Times(now=lambda: now[0], new_id=new_id), lambda: leads)
        return Updates(UpdatesDesk(config), around, plane.supervisor.status)

    follower, leader = room(0), room(1)
    api.served.run(follower.tick())
    assert api.served.run(follower.view()).available is None
    for _ in range(3):
        api.served.run(leader.tick())
        now[0] += 90_000.0
    view = api.served.run(leader.view())
    assert view.available is not None
    assert (view.available.version, view.problem, view.current) == ("0.2.0", "", OLD)
    with closing(sqlite3.connect(api.home.database)) as connection:
        found = list(connection.execute("SELECT subject FROM events WHERE type = 'update.available'"))
    assert found == [("0.2.0",)]


@given(st.floats(0, 1e9), st.floats(0.01, 8760))
def test_one_is_due_after_its_hours(last: float, hours: float) -> None:
    assert is_due(None, now=last, every_hours=hours)
    assert not is_due(None, now=last, every_hours=0)
    assert not is_due(last, now=last + hours * 3500, every_hours=hours)
    assert is_due(last, now=last + hours * 3700, every_hours=hours)
