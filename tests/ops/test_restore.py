"""Restoring puts all of a backup in place or changes nothing, however it ends."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cluster_ai.core.migrate import downgrade
from cluster_ai.core.paths import Home
from cluster_ai.ops import creating, proving, restoring, tables
from cluster_ai.ops.archive import pack
from cluster_ai.ops.sealed import Key, Sealing
from cluster_ai.ops.shelf import write_whole
from cluster_ai.ops.types import Manifest
from cluster_ai.supervisor.lock import only_one
from tests.ops.places import NOW, furnished, key_of, killed_at, raises, shelf_of, words_in


@pytest.fixture
def made(home: Home) -> Path:
    return creating.create(home, shelf_of(home), key_of(home), now=NOW)


@pytest.fixture
def second(tmp_path: Path, sqlite_template: Path) -> Home:
    """Another machine's."""
    return furnished(tmp_path / "second", sqlite_template, word="second")


def forged(made: Path, home: Home, folder: Path, change: dict[str, object]) -> Path:
    """The backup with something else in its manifest, sealed with the right key."""
    manifest = proving.unsealed(made, folder, key_of(home))
    path = folder.with_suffix(".forged")
    with path.open("wb") as file:
        end = Sealing(file, key_of(home))
        pack(folder, Manifest.model_validate(manifest.model_dump() | change), end)
        end.finish()
    return path


def test_fresh_machine_has_all_of_it(home: Home, made: Path, tmp_path: Path) -> None:
    fresh = Home(tmp_path / "fresh")
    done = restoring.restore(made, fresh, key_of(home), now=NOW)
    assert done.aside == "", "nothing was there"
    assert words_in(fresh) == {"first"}
    assert tables.row_counts(fresh.database) == tables.row_counts(home.database)
    assert tables.chain_head(fresh.database) == tables.chain_head(home.database)
    assert (fresh.tls / "current").is_symlink()
    assert fresh.database.stat().st_mode & 0o777 == 0o600
    assert fresh.secrets.stat().st_mode & 0o777 == 0o700
    with only_one(fresh):
        pass


def test_what_was_there_is_set_aside_whole(home: Home, made: Path, second: Home) -> None:
    second.membership.write_text("{}")
    done = restoring.restore(made, second, key_of(home), now=NOW)
    assert words_in(second) == {"first"}
    assert words_in(Home(Path(done.aside))) == {"second"}
    assert not second.membership.exists(), "the backup has none"
    assert (Path(done.aside) / "membership.json").exists()
    again = restoring.restore(made, second, key_of(home), now=NOW)
    assert again.aside != done.aside


def test_running_cluster_is_left_alone(home: Home, made: Path, second: Home) -> None:
    with only_one(second):
        raises("already_runs", lambda: restoring.restore(made, second, key_of(home), now=NOW))
    with closing(sqlite3.connect(second.database)) as connection:
        connection.execute("SELECT count(*) FROM audit").fetchone()
        raises("database_in_use", lambda: restoring.restore(made, second, key_of(home), now=NOW))
    assert words_in(second) == {"second"}


def test_bad_backup_changes_nothing(home: Home, made: Path, second: Home, tmp_path: Path) -> None:
    data, bad = made.read_bytes(), tmp_path / "bad"
    before = sorted(second.root.iterdir())
    turned = bytearray(data)
    turned[len(data) // 2] ^= 4
    for content, code in (
        (bytes(turned), "backup_corrupt"),
        (data[: len(data) // 2], "backup_truncated"),
        (b"hello", "backup_corrupt"),
    ):
        bad.write_bytes(content)
        raises(code, lambda: restoring.restore(bad, second, key_of(home), now=NOW))
    raises("backup_wrong_key", lambda: restoring.restore(made, second, key_of(second), now=NOW))
    raises("backup_wrong_key", lambda: restoring.restore(made, second, Key.of_passphrase("x" * 12), now=NOW))
    for number, (change, code) in enumerate(
        (
            ({"format": 2}, "backup_newer"),
            ({"head": "0" * 64}, "backup_unproven"),
            ({"links": {"secrets/out": "../../etc"}}, "backup_corrupt"),
            ({"links": {"../out": "x"}}, "backup_corrupt"),
        )
    ):
        folder = tmp_path / f"forged{number}"
        folder.mkdir()
        path = forged(made, home, folder, dict(change))
        raises(code, lambda: restoring.restore(path, second, key_of(home), now=NOW))  # noqa: B023 - called at once
    assert words_in(second) == {"second"}
    # Whoever looks makes sure of a key; nothing else is new.
    assert sorted(second.root.iterdir()) == before


def test_newer_tables_are_refused_and_older_ones_brought_forward(home: Home, second: Home) -> None:
    head = tables.revision(home.database)
    downgrade(f"sqlite:///{home.database}", to="-1")
    assert tables.revision(home.database) != head
    older = creating.create(home, shelf_of(home), key_of(home), now=NOW)
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    newer = creating.create(home, shelf_of(home), key_of(home), now=NOW)
    raises("backup_newer", lambda: restoring.restore(newer, second, key_of(home), now=NOW))
    assert words_in(second) == {"second"}
    restoring.restore(older, second, key_of(home), now=NOW)
    assert words_in(second) == {"first"}
    assert tables.revision(second.database) == head


@pytest.mark.real
def test_killed_restore_leaves_the_old_or_the_new(
    home: Home, made: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    key, seen, halves, step = key_of(home), [], 0, 1
    while True:
        place = furnished(tmp_path / f"at{step}", sqlite_template, word="second")
        was_killed = killed_at(step, lambda: restoring.restore(made, place, key, now=NOW))  # noqa: B023
        if place.restoring.exists():
            halves += 1
            with pytest.raises(Exception, match="interrupted"), only_one(place):
                pass
            # As a program would that looks in before anybody ends it.
            place.make()
            assert restoring.finish(place)
            assert words_in(place) == {"first"}
        found = words_in(place)
        assert len(found) == 1, f"a mixture after call {step}: {found}"
        seen.append(found.pop())
        with only_one(place):
            pass
        if not was_killed:
            break
        step += 1
    assert seen == sorted(seen, reverse=True), "old at first, new from some call on"
    assert {"first", "second"} == set(seen)
    assert halves >= 8


def test_note_that_cannot_be_read_is_said(home: Home) -> None:
    assert not restoring.finish(home)
    write_whole(home.restoring, "{")
    raises("bad_restore_note", lambda: restoring.finish(home))
    assert words_in(home) == {"first"}
