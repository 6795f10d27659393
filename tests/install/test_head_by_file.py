"""A machine becomes a head of its own from a file that was carried to it: whole, or as it was before."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.install.carried import SIGNER, carried
from tests.install.conftest import Machine, has_nothing
from tests.install.small import program
from tests.waiting import until

pytestmark = pytest.mark.real
# A network of its own, without even a loopback that is up.
NO_NETWORK = ("unshare", "--user", "--map-current-user", "--net")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, small_program: Path, wheels: Path) -> Path:
    path = tmp_path_factory.mktemp("carried") / "bundle.tar"
    carried(path, small_program, wheels)
    return path


def given(bundle: Path) -> tuple[str, ...]:
    return ("--user", "--offline", str(bundle), "--signer", SIGNER)


def offline(machine: Machine, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return machine.run(argv=[*NO_NETWORK, *machine.argv(*arguments)])


def test_it_stands_without_a_network_and_a_second_run_changes_nothing(machine: Machine, bundle: Path) -> None:
    done = offline(machine, "head", *given(bundle))
    assert done.returncode == 0, done.stderr
    assert "This machine is the head of a cluster." in done.stderr
    assert "http://127.0.0.1:8000" in done.stdout
    assert machine.running()
    assert not (machine.data / "membership.json").exists()
    settings = (machine.data / "config.toml").read_text()
    assert "enabled = false" in settings
    assert f'signer = "{SIGNER}"' in settings
    before = {name: (machine.root / name).lstat().st_mtime_ns for name in machine.files()}
    again = offline(machine, "head", *given(bundle))
    assert again.returncode == 0, again.stderr
    assert "Nothing to do" in again.stderr
    assert {name: (machine.root / name).lstat().st_mtime_ns for name in machine.files()} == before
    gone = machine.run("--uninstall", "--purge", "--yes", "--user")
    assert gone.returncode == 0, gone.stderr
    assert not [name for name in machine.files() if "cluster" in name], machine.files()
    assert not machine.running()


def test_a_bundle_of_somebody_else_is_refused_and_one_that_nobody_vouches_for(machine: Machine, bundle: Path) -> None:
    where = ("--user", "--offline", str(bundle))
    done = machine.run("head", *where, "--signer", "0" * 64)
    assert done.returncode == 7, done.stderr
    assert "signed by another cluster" in done.stderr
    unknown = machine.run("head", *where)
    assert unknown.returncode == 2, unknown.stderr
    assert "Whose bundle is that?" in unknown.stderr
    assert has_nothing(machine), machine.files()


def test_a_machine_of_a_cluster_does_not_become_a_head(machine: Machine, bundle: Path) -> None:
    machine.data.mkdir(parents=True)
    (machine.data / "membership.json").write_text("{}")
    done = machine.run("head", *given(bundle))
    assert done.returncode == 1, done.stderr
    assert "belongs to a cluster already" in done.stderr
    assert not machine.prefix.exists()


def test_the_plan_says_what_would_be_done(machine: Machine, bundle: Path) -> None:
    told = machine.run("head", "--print-plan", "json", *given(bundle))
    plan = json.loads(told.stdout)
    assert plan["kind"] == "head"
    assert plan["todo"] == ["fetch", "switch", "programs", "lead", "service"]
    assert has_nothing(machine), machine.files()


def test_what_cannot_be_started_is_undone(machine: Machine, wheels: Path, tmp_path: Path) -> None:
    broken = program(tmp_path / "broken", wheel=wheels / "small-1-py3-none-any.whl", healthy=False)
    carried(tmp_path / "broken.tar", broken, wheels)
    done = machine.run("head", *given(tmp_path / "broken.tar"))
    assert done.returncode == 11, done.stderr
    assert "GLIBC_9.99" in done.stderr
    left = {name for name in machine.files() if not name.startswith("tmp/") and (machine.root / name).is_file()}
    allowed = machine.prefix.relative_to(machine.root).as_posix()
    assert all(name.startswith((f"{allowed}/fetched", f"{allowed}/made.list")) for name in left), left
    assert not machine.data.exists()


def test_cut_off_in_the_middle_it_leaves_nothing_that_runs(machine: Machine, bundle: Path) -> None:
    """At the worst moment: the service has begun, and the cluster is not ready yet."""
    machine.data.mkdir(parents=True)
    (machine.data / "slow").touch()
    process = machine.started("head", *given(bundle))
    until(machine.runner, seconds=30, what="its service has begun")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert "What was begun was undone" in said
    until(lambda: not machine.running(), seconds=20, what="nothing of it runs")
    assert not (machine.prefix / "current").exists()
    assert (machine.data / "slow").exists(), "what was there before stays"
