"""Whatever moment an update is cut off at, the old version or the new one is what starts next, with its own tables."""

import os
import shutil
import signal
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core import files
from cluster_ai.core.paths import Home
from cluster_ai.nodes.bundle import identity, switch
from cluster_ai.ops.updates.applying import Means, apply, offer_of, older
from cluster_ai.ops.updates.desk import Desk, UpdatesConfig, source_of
from cluster_ai.ops.updates.journey import Hands, NotReady, Trip, confirm, finish, travel
from cluster_ai.ops.updates.packing import pack
from cluster_ai.ops.updates.site import Site
from cluster_ai.ops.updates.source import Source
from cluster_ai.ops.updates.types import (
    NoOlderVersion,
    UpdateDatabase,
    UpdateNoSource,
    UpdateNotNewer,
    UpdateRolledBack,
    UpdateRuns,
    UpdateSettings,
    UpdateStuck,
    UpdateUnreachable,
    UpdateUnusable,
    UpdateUnverified,
    is_offered,
    order_of,
)
from tests.install.small import small_wheel
from tests.ops.installed import NEW, OLD, authority_of, bundle, mark

MIGRATIONS = "program/cluster_ai/core/migrations/versions"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The old version is in place, the new one lies beside it; the tables are of version 1 and hold one word."""
    home = Home(tmp_path / "home")
    home.make()
    prefix = tmp_path / "prefix"
    for name, version, revisions in ((OLD, "0.1.0", ("1",)), (NEW, "0.2.0", ("1", "2"))):
        folder = mark(prefix, name, version) / MIGRATIONS
        folder.mkdir(parents=True)
        for revision in revisions:
            (folder / f"{revision}.py").write_text(f'revision = "{revision}"\n')
    switch.flip(prefix, OLD)
    with closing(sqlite3.connect(home.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("CREATE TABLE word (word TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('1')")
        connection.execute("INSERT INTO word VALUES ('mine')")
    return Site(prefix, home)


def word(site: Site) -> tuple[str, str]:
    with closing(sqlite3.connect(site.home.database)) as connection:
        return (
            connection.execute("SELECT version_num FROM alembic_version").fetchone()[0],
            connection.execute("SELECT word FROM word").fetchone()[0],
        )


def migrate(site: Site) -> None:
    """As a new version does at its start; it leaves its last changes in the log beside the file."""
    connection = sqlite3.connect(site.home.database, isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '2'")
    connection.execute("UPDATE word SET word = 'lost'")
    # As a process leaves them that is killed: closing would bring the log into the file.
    left = [site.home.database.with_name(site.home.database.name + end) for end in ("", "-wal", "-shm")]
    raw = [path.read_bytes() for path in left]
    connection.close()
    for path, contents in zip(left, raw, strict=True):
        path.write_bytes(contents)


def hands(site: Site, *, good: bool, ran: bool = True) -> Hands:
    def start(name: str) -> None:
        assert switch.current(site.prefix) == name
        if name == NEW:
            migrate(site)
            if not good:
                raise NotReady("backend: it ended")

    return Hands(stop=lambda: ran, start=start, resume=start)


def test_good_one_stays(site: Site) -> None:
    outcome = travel(site, Trip(NEW), hands(site, good=True), now=1.0)
    assert (outcome.result, switch.current(site.prefix), word(site)) == ("kept", NEW, ("2", "lost"))
    assert site.note() is None
    assert not site.home.before_update.exists()
    assert older(site) == OLD


def test_bad_one_goes_back_with_its_tables(site: Site) -> None:
    with pytest.raises(UpdateRolledBack, match="backend: it ended"):
        travel(site, Trip(NEW), hands(site, good=False), now=1.0)
    assert (switch.current(site.prefix), word(site), site.note()) == (OLD, ("1", "mine"), None)
    last = site.outcome()
    assert last is not None
    assert (last.result, last.database_restored) == ("rolled_back", True)
    assert switch.failed(site.prefix) == NEW


def test_it_is_said_when_neither_starts(site: Site) -> None:
    def broken(_name: str) -> None:
        raise NotReady("no disk")

    with pytest.raises(UpdateStuck, match="no disk"):
        travel(site, Trip(NEW), replace(hands(site, good=False), start=broken, resume=broken), now=1.0)
    assert (switch.current(site.prefix), site.note()) == (OLD, None)


def test_an_error_that_nobody_thought_of_goes_back_too(site: Site) -> None:
    def startled(_name: str) -> None:
        migrate(site)
        raise ZeroDivisionError

    with pytest.raises(UpdateRolledBack):
        travel(site, Trip(NEW), replace(hands(site, good=True), start=startled, resume=lambda _name: None), now=1.0)
    assert (switch.current(site.prefix), word(site)) == (OLD, ("1", "mine"))


STEPS = ("replace", "point", "take_away", "sync")


def killed_at(moment: int, work: Callable[[], Any], patch: pytest.MonkeyPatch) -> bool:
    """Whether a process that does ``work`` was ended by SIGKILL before its ``moment``-th step on the disk."""
    if (child := os.fork()) == 0:
        left = [moment]

        def counted(step: Callable[..., Any]) -> Callable[..., Any]:
            def done(*args: Any, **more: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return step(*args, **more)

            return done

        for name in STEPS:
            patch.setattr(files, name, counted(getattr(files, name)))
        for name in ("unlink", "replace"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        try:
            work()
        except UpdateRolledBack:
            os._exit(0)
        except BaseException:
            os._exit(9)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_killed_at_any_step_one_whole_version_is_left(site: Site, monkeypatch: pytest.MonkeyPatch, good: bool) -> None:
    """``finish``, too, is killed at each of its steps, and done again."""
    keep = site.home.root.with_name("keep")
    shutil.copytree(site.home.root.parent, keep, symlinks=True)
    moment, killed, seen = 0, True, set()
    while killed:
        shutil.rmtree(site.home.root)
        shutil.rmtree(site.prefix)
        shutil.copytree(keep / "home", site.home.root, symlinks=True)
        shutil.copytree(keep / "prefix", site.prefix, symlinks=True)
        killed = killed_at(moment, lambda: travel(site, Trip(NEW), hands(site, good=good), now=1.0), monkeypatch)
        again = 0
        while not good and killed_at(again, lambda: finish(site, hands(site, good=good)), monkeypatch):
            again += 1
        finish(site, hands(site, good=good))
        assert site.note() is None, moment
        left = switch.current(site.prefix), word(site)
        assert left in {(OLD, ("1", "mine")), (NEW, ("2", "lost"))}, moment
        seen.add(left[0])
        moment += 1
    assert moment > 10
    assert seen == ({OLD, NEW} if good else {OLD})


def test_new_version_confirms_itself_when_nobody_waits_any_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_name: str) -> None:
        migrate(site)
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed_at(
        99, lambda: travel(site, Trip(NEW), replace(hands(site, good=True), start=killed), now=1.0), monkeypatch
    )
    assert not confirm(site, running=OLD)
    assert confirm(site, running=NEW)
    assert finish(site, hands(site, good=True)) is None
    assert (switch.current(site.prefix), word(site)) == (NEW, ("2", "lost"))


def means(site: Site, *, good: bool = True, saved: bool = False) -> Means:
    return Means(hands(site, good=good), lambda: "backup", f"sqlite:///{site.home.database}", saved=saved)


def test_only_what_the_signer_signed_is_looked_at(site: Site, tmp_path: Path) -> None:
    file, signer = bundle(site.home, tmp_path / "b.tar"), authority_of(site.home).fingerprint
    offer = offer_of(Source(str(file), signer).look(), site.prefix)
    assert offer is not None
    assert (offer.name, offer.version, offer.failed) == (NEW, "0.2.0", False)
    with pytest.raises(UpdateUnverified, match="somebody else"):
        Source(str(file), "0" * 64).look()
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b'"version":"0.2.0"', b'"version":"0.3.0"'))
    with pytest.raises(UpdateUnverified, match="not signed"):
        apply(site, Source(str(file), signer), means(site), now=1.0)
    for wrong in (b"", b"no tar", raw[:700], raw[1024:]):
        file.write_bytes(wrong)
        with pytest.raises(UpdateUnverified):
            Source(str(file), signer).look()
    with pytest.raises(UpdateUnreachable):
        Source(str(tmp_path / "none"), signer).look()
    assert switch.current(site.prefix) == OLD


def test_files_that_differ_from_the_signed_list_are_not_unfolded(site: Site, tmp_path: Path) -> None:
    file, signer = (
        bundle(site.home, tmp_path / "b.tar", name="0.3.0+x", version="0.3.0"),
        authority_of(site.home).fingerprint,
    )
    whole = tmp_path / "whole"
    with tarfile.open(file) as archive:
        archive.extractall(whole, filter="data")
    (whole / "program.tar.gz").write_bytes(b"y")
    with tarfile.open(file, "w") as archive:
        for name in ("manifest.json", "manifest.sig", "ca.crt", "program.tar.gz"):
            archive.add(whole / name, name)
    with pytest.raises(UpdateUnusable, match=r"program\.tar\.gz is not what the head has signed"):
        apply(site, Source(str(file), signer), means(site), now=1.0)
    assert switch.versions(site.prefix) == (OLD, NEW)
    assert site.note() is None


def test_what_is_older_or_unknown_to_the_tables_is_refused(site: Site, tmp_path: Path) -> None:
    signer = authority_of(site.home).fingerprint
    old = bundle(site.home, tmp_path / "old.tar", name="0.0.9+x", version="0.0.9")
    with pytest.raises(UpdateNotNewer):
        apply(site, Source(str(old), signer), means(site), now=1.0)
    same = bundle(site.home, tmp_path / "same.tar", name=OLD, version="0.1.0")
    assert apply(site, Source(str(same), signer), means(site), now=1.0) is None
    new = Source(str(bundle(site.home, tmp_path / "new.tar")), signer)
    with pytest.raises(UpdateDatabase):
        apply(replace(site, is_file=False), new, means(site), now=1.0)
    with site.only_one(), pytest.raises(UpdateRuns):
        apply(site, new, means(site), now=1.0)
    for path in (site.version(NEW) / MIGRATIONS).glob("1.py"):
        path.unlink()
    with pytest.raises(UpdateUnusable, match="tables of version 1"):
        apply(site, new, means(site), now=1.0)
    assert switch.current(site.prefix) == OLD


def test_desk_tells_of_an_offer_once_and_of_a_failed_one_never(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    from cluster_ai.ops.updates.source import here

    file = bundle(site.home, folder / f"cluster-ai-{here()}.tar")
    config = UpdatesConfig(site.home, UpdateSettings(source=str(folder)), root=site.version(OLD) / "program")
    desk = Desk(config)
    assert desk.is_due(now=0.0)
    view = desk.look(now=0.0)
    assert view.available is not None
    assert (view.current, view.available.name, desk.is_due(now=1.0)) == (OLD, NEW, False)
    assert desk.is_due(now=90_000.0)
    assert desk.news() is not None
    assert desk.news() is None
    (site.prefix / switch.FAILED).write_text(f"{NEW}\n")
    again = Desk(config)
    assert again.look(now=1.0).available is not None
    assert again.news() is None
    file.unlink()
    assert again.look(now=2.0).problem.startswith("update_unreachable")
    with pytest.raises(UpdateNoSource):
        source_of(UpdatesConfig(site.home, UpdateSettings()))
    assert not Desk(UpdatesConfig(site.home, UpdateSettings(source=str(folder)))).is_due(now=0.0), "a checkout"


def test_there_may_be_nothing_to_go_back_to(site: Site) -> None:
    shutil.rmtree(site.version(NEW))
    with pytest.raises(NoOlderVersion):
        older(site)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_versions_are_ordered_by_their_numbers(one: list[int], other: list[int]) -> None:
    left, right = (".".join(map(str, numbers)) for numbers in (one, other))
    assert (order_of(left) < order_of(f"{right}rc1")) == (one < other)
    assert is_offered(left, "a", running=right, current="b") == (one >= other)
    assert not is_offered(left, "a", running=right, current="a")


@pytest.mark.parametrize("source", ["http://host/x", "ftp://x", "relative", "https://two words"])
def test_only_https_and_files_are_sources(source: str) -> None:
    with pytest.raises(ValueError, match="source"):
        UpdateSettings(source=source)


def test_program_is_packed_signed_and_found_again(site: Site, tmp_path: Path) -> None:
    """With the dashboard and the examples; its wheels were fetched before."""
    folder = site.home.root / "bundles/wheels" / identity.environment_id(identity.program_root())
    folder.mkdir(parents=True)
    small_wheel(folder)
    authority, file = authority_of(site.home), tmp_path / "packed.tar"
    name = pack(site.home, authority, file, lambda _done, _all: None)
    manifest = Source(str(file), authority.fingerprint).look()
    assert (manifest.name, {one.name for one in manifest.files}) == (
        name,
        {"program.tar.gz", "wheels/small-1-py3-none-any.whl"},
    )
    (tmp_path / "out").mkdir()
    Source(str(file), authority.fingerprint).unfolded(file, tmp_path / "out")
    with tarfile.open(tmp_path / "out/program.tar.gz") as archive:
        names = set(archive.getnames())
    assert {"cluster_ai/cli/main.py", "backend/serve.py", "scripts/install/launcher.sh", "LICENSE"} <= names
    assert any(one.startswith("examples/") for one in names)
    built = {path.name for path in (identity.program_root() / "backend/ui").glob("*.html")}
    assert {f"backend/ui/{one}" for one in built} <= names
