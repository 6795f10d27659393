"""Versions beside each other: one is run, one is kept to go back to, and a new one must prove itself."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cluster_ai.core import files
from cluster_ai.nodes.bundle import switch
from tests.install.conftest import ROOT
from tests.waiting import until

LIVING = """#!/bin/sh
# As the interpreter of a version: the program that it would run.
case "$*" in
  *steps*) exec {python} -P -m cluster_ai.nodes.bundle.steps back --prefix "{prefix}" ;;
esac
echo $$ >"{prefix}/pid"
echo "{name}" >>"{prefix}/lives"
trap 'exit 0' TERM
{confirms}
while :; do sleep 0.05; done
"""


def version(prefix: Path, name: str, *, confirms: bool = True) -> str:
    """A version that can be started, and reports to the head or not."""
    interpreter = prefix / "versions" / name / "venv/bin/python"
    interpreter.parent.mkdir(parents=True)
    confirm = f'rm -f "{prefix}/trial"' if confirms else ":"
    text = LIVING.format(name=name, prefix=prefix, confirms=confirm, python=ROOT / ".venv/bin/python")
    interpreter.write_text(text)
    interpreter.chmod(0o755)
    (prefix / "versions" / name / switch.COMPLETE).write_text("{}")
    # A clock of files may be coarser than a test.
    os.utime(prefix / "versions" / name / switch.COMPLETE, ns=(0, len(switch.versions(prefix)) * 10**9))
    return name


def lives(prefix: Path) -> list[str]:
    path = prefix / "lives"
    return path.read_text().split() if path.exists() else []


def test_one_leads_and_a_link_is_never_missing(tmp_path: Path) -> None:
    version(tmp_path, "1")
    assert switch.current(tmp_path) == ""
    assert switch.flip(tmp_path, "1") == ""
    version(tmp_path, "2")
    assert switch.flip(tmp_path, "2") == "1"
    assert switch.current(tmp_path) == "2"
    assert (tmp_path / "current").readlink() == Path("versions/2"), "relative: the whole may be moved"


def test_what_was_not_unfolded_to_its_end_is_no_version(tmp_path: Path) -> None:
    (tmp_path / "versions/half").mkdir(parents=True)
    (tmp_path / "versions/.new-1-half").mkdir()
    (tmp_path / "versions/.new-1-half" / switch.COMPLETE).write_text("{}")
    assert switch.versions(tmp_path) == ()
    for name in ("half", ".new-1-half", "../versions/half", "none"):
        with pytest.raises(switch.NoVersion):
            switch.flip(tmp_path, name)
        with pytest.raises(switch.NoVersion):
            switch.begin_trial(tmp_path, name)
    assert not (tmp_path / "trial").exists()


def test_a_version_that_is_confirmed_stays_and_one_is_kept_behind_it(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        version(tmp_path, name)
        switch.begin_trial(tmp_path, name)
        assert switch.confirm(tmp_path)
    assert switch.current(tmp_path) == "3"
    assert switch.versions(tmp_path) == ("2", "3")
    assert not switch.confirm(tmp_path), "there is no trial any more"


def test_a_version_that_failed_goes_back_and_is_remembered(tmp_path: Path) -> None:
    for name in ("1", "2"):
        version(tmp_path, name)
    switch.flip(tmp_path, "1")
    switch.begin_trial(tmp_path, "2")
    assert switch.trial(tmp_path) == switch.Trial("2", "1")
    assert switch.roll_back(tmp_path) == "1"
    assert (switch.current(tmp_path), switch.failed(tmp_path), switch.trial(tmp_path)) == ("1", "2", None)
    # Tried again, and this time it works.
    switch.begin_trial(tmp_path, "2")
    switch.confirm(tmp_path)
    assert switch.failed(tmp_path) == ""


def test_power_lost_between_the_note_and_the_switch_leaves_the_old_version(tmp_path: Path) -> None:
    for name in ("1", "2"):
        version(tmp_path, name)
    switch.flip(tmp_path, "1")
    # All that was done before the power went.
    files.replace(tmp_path / switch.TRIAL, json.dumps({"name": "2", "before": "1"}))
    assert switch.roll_back(tmp_path) == "1"
    assert switch.failed(tmp_path) == "", "it was never tried"


def test_a_note_that_cannot_be_read_does_no_harm(tmp_path: Path) -> None:
    switch.flip(tmp_path, version(tmp_path, "1"))
    for text in ("", "null", "[]", '{"name":1}', "\0"):
        (tmp_path / switch.TRIAL).write_text(text)
        assert switch.trial(tmp_path) is None
        assert switch.roll_back(tmp_path) == "1"


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "note"
    files.replace(path, "first\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace(tmp_path / "folder", "second\n")
    assert path.read_text() == "first\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "note"], "no draft is left"
    assert files.take_away(path)
    assert not files.take_away(path)


def test_a_checkout_has_no_versions() -> None:
    assert switch.prefix_of() is None


def test_an_installed_program_knows_where(tmp_path: Path) -> None:
    version(tmp_path, "1")
    assert switch.prefix_of(tmp_path / "versions/1/program") == tmp_path


def join_cluster(prefix: Path) -> None:
    (prefix / "data").mkdir(exist_ok=True)
    (prefix / "data/membership.json").write_text("{}")


@contextmanager
def runner(prefix: Path, *, seconds: int, joined: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    script = prefix / "bin/cluster-ai-run"
    script.parent.mkdir(exist_ok=True)
    script.write_text((ROOT / "scripts/install/runner.sh").read_text())
    (prefix / "home").write_text(str(prefix / "data"))
    if joined:
        join_cluster(prefix)
    environment = {"PATH": "/usr/bin:/bin", "CLUSTER_AI_TRIAL_SECONDS": str(seconds), "PYTHONPATH": str(ROOT)}
    with (
        (prefix / "told").open("w") as told,
        subprocess.Popen(["/bin/dash", str(script)], env=environment, stderr=told, start_new_session=True) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert not (prefix / "runner.pid").exists()


@pytest.mark.real
def test_a_version_that_does_not_report_is_taken_back_by_itself(tmp_path: Path) -> None:
    # It is on no trial; what it confirmed a moment late would be the other one's.
    version(tmp_path, "1", confirms=False)
    version(tmp_path, "2", confirms=False)
    switch.flip(tmp_path, "1")
    with runner(tmp_path, seconds=1):
        until(lambda: lives(tmp_path) == ["1"], what="the first runs")
        switch.begin_trial(tmp_path, "2")
        # As the agent asks its supervisor to end, so that the new version is started.
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
        # On a busy machine the new one may be ended before it has written that it lives.
        until(
            lambda: len(lives(tmp_path)) > 1 and lives(tmp_path)[-1] == "1", seconds=20, what="the old one runs again"
        )
        assert (switch.current(tmp_path), switch.failed(tmp_path)) == ("1", "2")
        assert "did not report to the head" in (tmp_path / "told").read_text()


@pytest.mark.real
def test_a_trial_survives_a_power_cut_and_a_version_that_reports_stays(tmp_path: Path) -> None:
    version(tmp_path, "1")
    version(tmp_path, "2")
    switch.flip(tmp_path, "1")
    switch.begin_trial(tmp_path, "2")
    # Started by the boot: nobody remembers the trial but its note.
    with runner(tmp_path, seconds=20):
        until(lambda: switch.trial(tmp_path) is None, seconds=20, what="the new version reports")
        assert (switch.current(tmp_path), lives(tmp_path)) == ("2", ["2"])


@pytest.mark.real
def test_what_ends_is_started_again(tmp_path: Path) -> None:
    switch.flip(tmp_path, version(tmp_path, "1"))
    with runner(tmp_path, seconds=1):
        until(lambda: lives(tmp_path) == ["1"], what="it runs")
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        until(lambda: lives(tmp_path) == ["1", "1"], seconds=20, what="it runs again")


@pytest.mark.real
def test_one_runner_is_enough(tmp_path: Path) -> None:
    switch.flip(tmp_path, version(tmp_path, "1"))
    with runner(tmp_path, seconds=1):
        until(lambda: lives(tmp_path) == ["1"], what="it runs")
        second = subprocess.run(
            ["/bin/dash", str(tmp_path / "bin/cluster-ai-run")], env={"PATH": "/usr/bin:/bin"}, check=False
        )
        assert second.returncode == 1
        assert lives(tmp_path) == ["1"]


@pytest.mark.real
def test_told_to_stop_while_it_starts_its_program_it_leaves_none(tmp_path: Path) -> None:
    """A signal meets the runner before it has noted the program's number, or the program before it is one."""
    switch.flip(tmp_path, version(tmp_path, "1"))
    interpreter = tmp_path / "versions/1/venv/bin/python"
    interpreter.write_text("#!/bin/sh\nexec sleep 1000\n")
    started: list[int] = []
    for moment in range(150):
        with runner(tmp_path, seconds=1) as process:
            started.append(process.pid)
            # It is written as soon as signals are heard; what comes next takes a few thousandths of a second.
            while process.poll() is None and not (tmp_path / "runner.pid").exists():
                pass
            time.sleep(moment * 0.00004)
    until(lambda: not [pid for pid in started if of_session(pid)], what="nothing of any of them runs")


def of_session(session: int) -> list[psutil.Process]:
    """What runs of a session; its first process may be over."""

    def is_of_it(process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    return [process for process in psutil.process_iter() if is_of_it(process)]
