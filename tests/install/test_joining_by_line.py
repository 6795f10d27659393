"""A machine joins by one line: installed, switched, joined, started, called back; and a second run does nothing."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.install.conftest import PATH, ROOT, SCRIPT, Head, Machine, has_nothing, version_of
from tests.waiting import until

pytestmark = pytest.mark.real


def test_one_line_makes_a_machine_of_the_cluster_and_a_second_run_changes_nothing(head: Head, machine: Machine) -> None:
    done = machine.run("worker", "--user", "--join", head.lines[0], "--name", "attic", "--label", "gpu")
    assert done.returncode == 0, done.stderr
    version = version_of(done.stderr)
    assert (machine.prefix / "current").readlink() == Path("versions", version)
    assert (machine.data / "membership.json").exists()
    # It runs, and not as a child of the installer.
    pid = machine.runner()
    assert psutil.Process(pid or 0).children(), "the supervisor runs"
    until((machine.data / "run/up").exists, what="it has begun")
    command = machine.home / ".local/bin/cluster-ai"
    assert (machine.home / ".local/share/man/man1/cluster-ai.1").read_text().startswith('.\\"'), "man finds it by PATH"
    assert subprocess.run([command, "--version"], env=machine.environment, check=True, capture_output=True).stdout
    assert "POST /join" in head.calls()
    assert not (machine.prefix / "fetched").exists(), "what was fetched is not needed any more"

    before = {name: (machine.root / name).lstat().st_mtime_ns for name in machine.files()}
    # The line is used up: whoever runs the same command again is not told off for that.
    again = machine.run("worker", "--user", "--join", head.lines[0])
    assert again.returncode == 0, again.stderr
    assert "Nothing to do" in again.stderr
    after = {name: (machine.root / name).lstat().st_mtime_ns for name in machine.files()}
    assert after == before
    assert machine.runner() == pid


def test_uninstalled_nothing_is_left(head: Head, machine: Machine) -> None:
    assert machine.run("worker", "--user", "--join", head.lines[0]).returncode == 0
    pid = machine.runner()
    refused = machine.run("--uninstall", "--user")
    assert refused.returncode == 2, "without a terminal nobody can have meant it"
    assert (machine.prefix / "current").exists()
    kept = subprocess.run(
        ["/bin/dash", str(machine.prefix / "bin/uninstall"), "--yes"],
        env=machine.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert kept.returncode == 0, kept.stderr
    assert not machine.prefix.exists()
    assert (machine.data / "membership.json").exists(), "data goes only when that is said"
    assert not psutil.pid_exists(pid or 0)
    # With its data it is one of the cluster still: no line is needed.
    purged = machine.run("--uninstall", "--purge", "--user", "--yes")
    assert purged.returncode == 0, purged.stderr
    assert not machine.data.exists()


def test_purged_at_once_the_account_is_as_it_was(head: Head, machine: Machine) -> None:
    assert machine.run("worker", "--user", "--join", head.lines[0]).returncode == 0
    purged = machine.run("--uninstall", "--purge", "--user", "--yes")
    assert purged.returncode == 0, purged.stderr
    assert has_nothing(machine), machine.files()


def test_a_dry_run_and_a_plan_write_nothing(head: Head, machine: Machine) -> None:
    dry = machine.run("worker", "--user", "--dry-run", "--join", head.lines[0])
    assert dry.returncode == 0, dry.stderr
    assert "Nothing was changed" in dry.stderr
    plan = machine.run("worker", "--user", "--print-plan", "json", "--join", head.lines[0])
    told = json.loads(plan.stdout)
    assert told["todo"] == ["fetch", "switch", "programs", "join", "service"]
    assert (told["prefix"], told["home"]) == (str(machine.prefix), str(machine.data))
    assert told["head"].startswith("127.0.0.1:")
    assert has_nothing(machine), machine.files()
    assert "POST /join" not in head.calls()


def test_the_script_may_come_through_a_pipe(head: Head, machine: Machine) -> None:
    argv = ["/bin/dash", "-s", "worker", "--user", "--no-service", "--join", head.lines[0]]
    done = machine.run(argv=argv, given=SCRIPT.read_text())
    assert done.returncode == 0, done.stderr
    assert (machine.data / "membership.json").exists()
    assert machine.runner() is None


def test_the_software_may_be_carried_as_a_file(head: Head, machine: Machine) -> None:
    line, bundle = machine.root / "line", machine.root / "bundle.tar"
    line.write_text(head.lines[0])
    steps = [sys.executable, "-P", "-m", "cluster_ai.nodes.bundle.steps"]
    made = ["carry", "--line-file", str(line), "--folder", str(machine.root / "fetched"), "--offline", str(bundle)]
    subprocess.run([*steps, *made], env={"PATH": PATH, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    (head.folder / "calls").unlink()
    done = machine.run("worker", "--user", "--no-service", "--offline", str(bundle), "--join", head.lines[0])
    assert done.returncode == 0, done.stderr
    assert "POST /join" in head.calls(), "carrying it did not use up the line"
    assert not [call for call in head.calls() if call.endswith((".whl", ".gz"))]


def test_what_is_damaged_is_mended(head: Head, machine: Machine) -> None:
    whole = machine.run("worker", "--user", "--no-service", "--join", head.lines[0])
    assert whole.returncode == 0, whole.stderr
    site = next((machine.prefix / "current/venv/lib").glob("python3*/site-packages"))
    (site / "small.py").unlink()
    (machine.prefix / "bin/cluster-ai").unlink()
    checked = machine.run("--check", "--user")
    assert checked.returncode == 1
    assert "cannot be started" in checked.stderr
    assert not (site / "small.py").exists(), "looking changes nothing"
    mended = machine.run("--repair", "--user", "--no-service", "--join", head.lines[1])
    assert mended.returncode == 0, mended.stderr
    assert machine.run("--check", "--user").returncode == 0
    assert (machine.prefix / "bin/cluster-ai").exists()


def test_half_of_the_script_does_nothing(machine: Machine) -> None:
    text = SCRIPT.read_text()
    for share in (0.2, 0.5, 0.999):
        done = machine.run(argv=["/bin/dash", "-s", "worker"], given=text[: int(len(text) * share)])
        assert "join" not in done.stderr
        assert has_nothing(machine)


def test_the_line_may_come_by_standard_input_and_its_secret_is_nowhere(head: Head, machine: Machine) -> None:
    log = machine.root / "log"
    done = machine.run(
        "worker", "--user", "--no-service", "--verbose", "--join-file", "-", "--log", str(log), given=head.lines[0]
    )
    assert done.returncode == 0, done.stderr
    secret = head.lines[0].partition("#")[2].partition(".")[2]
    assert secret not in done.stderr + done.stdout + log.read_text()
    for path in machine.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert secret.encode() not in path.read_bytes(), path


def test_the_rest_may_be_said_by_the_environment(head: Head, machine: Machine) -> None:
    env = {"CLUSTER_AI_JOIN": head.lines[0], "CLUSTER_AI_NO_SERVICE": "1", "CLUSTER_AI_SCOPE": "user"}
    elsewhere = machine.root / "else where"
    # The option wins.
    done = machine.run("--prefix", str(elsewhere), env={**env, "CLUSTER_AI_PREFIX": "/nowhere"})
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "current").exists()
    # Its secret is in nobody's environment: the small program would have refused to start.


@pytest.mark.parametrize("lang", ["pt_BR.UTF-8", "C"])
def test_people_are_spoken_to_in_their_language(machine: Machine, lang: str) -> None:
    done = machine.run("worker", "--user", env={"LANG": lang})
    assert done.returncode == 2
    assert ("Um worker precisa" if lang.startswith("pt") else "A worker needs") in done.stderr


def test_a_machine_that_the_head_cannot_call_back_is_told_what_to_open(head: Head, machine: Machine) -> None:
    machine.data.mkdir(parents=True)
    (machine.data / "reachable").write_text("false")
    done = machine.run("worker", "--user", "--join", head.lines[0], env={"CLUSTER_AI_WAIT_SECONDS": "2"})
    assert done.returncode == 6
    assert "no route to host" in done.stderr
    assert "11437" in done.stderr
    until(machine.runner, what="it runs on: the way can be opened later")
