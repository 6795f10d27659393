"""Who stops a cluster holds the service that keeps it running: it starts nothing until it is let go, or boots."""

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster_ai.cli import kept
from cluster_ai.core.paths import Home
from cluster_ai.nodes.bundle import switch
from tests.install.test_versions_and_trials import lives, runner, version
from tests.waiting import until

pytestmark = pytest.mark.real
LONGER = 2.5
"""Seconds; the service looks every second."""


@contextmanager
def head(prefix: Path) -> Iterator[Home]:
    """A head that runs, kept so by its service."""
    if not switch.current(prefix):
        switch.flip(prefix, version(prefix, "1"))
    (prefix / "role").write_text("head\n")
    (prefix / "data/run").mkdir(parents=True, exist_ok=True)
    with runner(prefix, seconds=1, joined=False):
        until(lambda: lives(prefix), what="it runs without having joined anything")
        yield Home(prefix / "data")


def test_stopped_it_stays_so_until_it_is_let_go(tmp_path: Path) -> None:
    with head(tmp_path) as home:
        assert kept.runner(home)
        assert kept.end(home, stay=True)
        assert kept.stays_stopped(home)
        time.sleep(LONGER)
        assert lives(tmp_path) == ["1"], "nobody started it behind the back of who stopped it"
        assert not kept.end(home, stay=True), "it did not run"
        kept.let_go(home)
        until(lambda: lives(tmp_path) == ["1", "1"], what="it runs again")


def test_after_a_boot_it_runs_although_it_had_been_stopped(tmp_path: Path) -> None:
    with head(tmp_path) as home:
        kept.end(home, stay=True)
    # The power went: nobody took the note away.
    assert kept.stays_stopped(home)
    assert not kept.runner(home)
    with head(tmp_path):
        until(lambda: lives(tmp_path) == ["1", "1"], what="it runs again")
        assert not kept.stays_stopped(home)


def test_who_holds_it_and_dies_has_let_go(tmp_path: Path) -> None:
    hold = "from cluster_ai.cli import kept; from cluster_ai.core.paths import Home; from pathlib import Path"
    code = f"{hold}; kept.end(Home(Path({str(tmp_path / 'data')!r})), stay=False); print('held'); input()"
    with head(tmp_path):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            time.sleep(LONGER)
            assert lives(tmp_path) == ["1"]
            holder.kill()
        until(lambda: lives(tmp_path) == ["1", "1"], what="it runs again")


def undoes(prefix: Path, name: str) -> None:
    """That version carries out what an update that was cut off leaves to it."""
    program = prefix / "versions" / name / "venv/bin/python"
    undone = f'rm "{prefix}/data/updating.json"; ln -sfn versions/{name} "{prefix}/current"; exit 0'
    case = f'case "$*" in *"update finish --prefix {prefix}"*) {undone} ;; esac\n'
    program.write_text(program.read_text().replace("\n", f"\n{case}", 1))


def test_an_update_whose_process_died_is_undone_before_anything_starts(tmp_path: Path) -> None:
    """By the version before; and not while the update's process lives."""
    for name in ("1", "2"):
        version(tmp_path, name)
    undoes(tmp_path, "1")
    switch.flip(tmp_path, "2")
    home = Home(tmp_path / "data")
    home.make()
    home.updating.write_text(json.dumps({"prefix": str(tmp_path), "before": "1", "name": "2"}))
    with (home.run / "update.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with head(tmp_path):
            assert lives(tmp_path) == ["2"]
            assert home.updating.exists(), "its own process goes on with it"
    with head(tmp_path):
        until(lambda: lives(tmp_path) == ["2", "1"], what="the version before was started")
        assert not home.updating.exists()


def test_an_update_whose_process_dies_later_is_undone_when_nothing_comes_of_it(tmp_path: Path) -> None:
    for name in ("1", "2"):
        version(tmp_path, name)
    undoes(tmp_path, "1")
    switch.flip(tmp_path, "2")
    home = Home(tmp_path / "data")
    home.make()
    with (home.run / "update.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home.updating.write_text(json.dumps({"prefix": str(tmp_path), "before": "1", "name": "2"}))
        with head(tmp_path):
            time.sleep(LONGER)
            assert lives(tmp_path) == ["2"]
            fcntl.flock(lock, fcntl.LOCK_UN)
            until(lambda: lives(tmp_path) == ["2", "1"], seconds=20, what="the version before runs")
            assert not home.updating.exists()


def test_without_a_service_nothing_is_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    assert not kept.end(home, stay=True)
    assert not list(home.run.iterdir())
