"""A backup is whole while others write, proven before it is called good, and never half made."""

import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cluster_ai.core.paths import Home
from cluster_ai.ops import creating, desk, proving, tables
from cluster_ai.ops.keeping import Keep
from cluster_ai.ops.sealed import Key
from cluster_ai.ops.shelf import Shelf
from cluster_ai.ops.types import BackupSettings
from tests.disks import filled, small_room
from tests.ops.places import NOW, add_entries, key_of, killed_at, raises, shelf_of
from tests.told import told_by


def made(home: Home, *, now: float = NOW) -> Path:
    return creating.create(home, shelf_of(home), key_of(home), now=now)


def test_backup_is_one_private_file_that_shows_nothing(home: Home) -> None:
    path = made(home)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    data = path.read_bytes()
    assert b"manifest.json" not in data
    assert b"SQLite" not in data
    (one,) = shelf_of(home).all()
    assert (one.name, one.made_at, one.verified, one.reason) == (path.name, NOW, True, "")
    assert not any(home.scratch.iterdir()), "nothing readable stays"


def test_backup_under_load_holds_one_moment(home: Home) -> None:
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            add_entries(home.database, ["load"] * 20)
            wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(20)
        before = tables.chain_head(home.database)[0]
        found = proving.prove(made(home), home, key_of(home))
        wrote.clear()
        assert wrote.wait(20), "the writer went on"
    finally:
        stop.set()
        writer.join()
    after = tables.chain_head(home.database)[0]
    assert 5 < before <= found.entries < after
    assert found.rows["audit"] == found.entries
    assert len(found.samples) == creating.SAMPLES


def test_damaged_backup_loses_its_good_name(home: Home) -> None:
    path = made(home)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    raises("backup_corrupt", lambda: proving.prove(path, home, key_of(home)))
    (one,) = shelf_of(home).all()
    assert not one.verified
    assert one.reason.startswith("backup_corrupt")
    path.write_bytes(data[:-5])
    raises("backup_truncated", lambda: proving.prove(path, home, key_of(home)))


def test_wrong_key_says_nothing_about_the_backup(home: Home, tmp_path: Path) -> None:
    path = made(home)
    other = Key.made(tmp_path / "other.key")[0]
    raises("backup_wrong_key", lambda: proving.prove(path, home, other))
    assert shelf_of(home).all()[0].verified


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM audit WHERE number = 5",
        "UPDATE audit SET action = 'other' WHERE number = 3",
        "UPDATE alembic_version SET version_num = 'other'",
        "INSERT INTO core_probe (id, at) VALUES (1, 1.0)",
    ],
)
def test_trial_notices_a_database_that_is_not_the_same(home: Home, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    manifest = proving.unsealed(made(home), folder, key_of(home))
    proving.check(folder, manifest)
    with closing(sqlite3.connect(folder / "data/cluster.db")) as connection:
        connection.execute(harm)
        connection.commit()
    every = tables.sample(home.database, manifest.rows, most=300, rng=random.Random(1))
    raises("backup_unproven", lambda: proving.check(folder, manifest.model_copy(update={"samples": every})))


def test_broken_database_makes_no_backup(home: Home) -> None:
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("UPDATE audit SET actor = 'b' WHERE number = 2")
        connection.commit()
    raises("backup_unproven", lambda: made(home))
    assert shelf_of(home).all() == ()
    home.database.write_bytes(b"x" * 5000)
    raises("backup_unproven", lambda: made(home))


def test_a_file_elsewhere_is_refused(home: Home) -> None:
    creating.refuse_elsewhere(home, f"sqlite:///{home.database}")
    raises("database_elsewhere", lambda: creating.refuse_elsewhere(home, "sqlite:////elsewhere.db"))


@pytest.mark.real
def test_full_disk_leaves_nothing_half_done(home: Home, tmp_path: Path) -> None:
    with small_room(tmp_path / "small") as folder:
        filled(folder, leave=8192)
        shelf = Shelf(folder / "backups")
        raises("no_space", lambda: creating.create(home, shelf, key_of(home), now=NOW))
        assert list(shelf.folder.iterdir()) == []
    assert not any(home.scratch.iterdir())


@pytest.mark.real
def test_killed_maker_leaves_no_backup_or_a_whole_one(home: Home) -> None:
    key, step = key_of(home), 1
    while killed_at(step, lambda: made(home)):
        for one in shelf_of(home).all():
            proving.prove(shelf_of(home).path(one.name), home, key)
            shelf_of(home).remove(one.name)
        step += 3
    assert step > 20, "it was killed at many points"
    made(home)
    left = sorted(path.suffix for path in home.backups.iterdir())
    assert left == [".cabackup", ".cabackup", ".json", ".json"], "drafts are gone; the last child's stands too"
    assert not any(home.scratch.iterdir())


def test_a_name_that_is_no_date_is_none_of_ours(home: Home) -> None:
    path = made(home)
    odd = home.backups / "cluster-ai-99999999T999999Z-abcdef.cabackup"
    odd.write_bytes(b"")
    assert [one.name for one in shelf_of(home).all()] == [path.name]
    raises("backup_not_found", lambda: shelf_of(home).remove(odd.name))


def test_a_file_in_place_of_the_folder_is_told(home: Home, tmp_path: Path) -> None:
    in_its_place = tmp_path / "backups"
    in_its_place.write_text("")
    raises("backup_folder", lambda: creating.create(home, Shelf(in_its_place), key_of(home), now=NOW))
    assert not any(home.scratch.iterdir())


def test_a_key_that_is_made_without_anybody_asking_is_told(home: Home) -> None:
    keeper = desk.Desk(desk.BackupsConfig(home, f"sqlite:///{home.database}", BackupSettings()))
    with told_by(desk) as said:
        keeper.create(now=NOW)
        keeper.create(now=NOW + 1)
    assert [(one["log_level"], one["file"]) for one in said] == [("warning", str(home.backup_key))]


def test_shelf_keeps_what_is_wanted_and_whatever_is_not_proven(home: Home) -> None:
    paths = [made(home, now=NOW + number) for number in range(3)]
    doubtful = home.backups / "cluster-ai-20200101T000000Z-abcdef.cabackup"
    doubtful.write_bytes(b"")
    (home.backups / "notes.txt").write_text("not ours")
    assert shelf_of(home).thin(Keep(newest=1, daily=0, weekly=0)) == (paths[1].name, paths[0].name)
    left = {path.name for path in home.backups.iterdir()}
    assert left == {paths[2].name, f"{paths[2].name}.json", doubtful.name, "notes.txt"}
    raises("backup_not_found", lambda: shelf_of(home).remove("../config.toml"))
    raises("backup_not_found", lambda: shelf_of(home).remove("notes.txt"))
