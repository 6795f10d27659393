"""Containers of a real engine, where one works: the second rung, and programs of an image."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.executors.attempts import MIB, Bench, Said, order

pytestmark = pytest.mark.real
IMAGE = "localhost/cluster-ai-tiny:1"
PROGRAMS = ("sh", "cat", "dd", "id", "ls", "sleep", "touch")


def made_of(folder: Path) -> Path:
    """An archive with a few of this machine's programs and their libraries."""
    for name in PROGRAMS:
        program = shutil.which(name, path="/usr/bin:/bin")
        assert program
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for file in (program, *(word for word in told.split() if word.startswith("/"))):
            target = folder / "root" / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(file), target)
    (folder / "root" / "bin").mkdir(exist_ok=True)
    shutil.copy(folder / "root" / shutil.which("sh", path="/usr/bin:/bin").lstrip("/"), folder / "root/bin/sh")  # type: ignore[union-attr]
    return Path(shutil.make_archive(str(folder / "image"), "tar", folder / "root"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of a podman that keeps what it has in a folder of its own."""
    if not shutil.which("podman") or os.geteuid() != 0:
        pytest.skip("no podman, or not root")
    folder = tmp_path_factory.mktemp("podman")
    runtime = "runc" if shutil.which("runc") else "crun"
    (folder / "c.conf").write_text(f'[engine]\nruntime = "{runtime}"\n', encoding="utf-8")
    store = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "s.conf").write_text(store, encoding="utf-8")
    env = {"CONTAINERS_CONF": str(folder / "c.conf"), "CONTAINERS_STORAGE_CONF": str(folder / "s.conf")}
    whole = {**os.environ, **env}
    subprocess.run(["podman", "import", str(made_of(folder)), IMAGE], env=whole, check=True, capture_output=True)
    tried = [
        "podman",
        "run",
        "--rm",
        "--network",
        "none",
        "--ulimit",
        "nofile=64:64",
        "--ulimit",
        "nproc=64:64",
        IMAGE,
        "id",
    ]
    done = subprocess.run(tried, env=whole, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"podman cannot run containers here: {done.stderr.strip()[-200:]}")
    yield env
    left = subprocess.run(["podman", "ps", "--all", "--format", "json"], env=whole, check=True, capture_output=True)
    assert json.loads(left.stdout) == []


@pytest.fixture
def contained(bench: Bench, engine: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in engine.items():
        monkeypatch.setenv(name, value)
    return bench


def test_a_program_of_an_image_in_the_same_walls(contained: Bench) -> None:
    script = "id -u; ls /ticket; cat in; touch /x; touch /ticket/out; ls /sys/class/net; cat /etc/shadow"
    parameters = {
        "argv": ["sh", "-c", script], "image": IMAGE, "files": [{"path": "in", "text": "hello\n"}], "artefacts": ["out"],
    }  # fmt: skip
    result = contained.result("EXECUTE", parameters)
    assert result.value["sandbox"] == "container"
    lines = result.value["tail"].splitlines()
    assert int(lines[0]) >= 50_000
    assert lines[1:3] == ["in", "hello"]
    assert "Read-only file system" in lines[3]
    assert lines[4] == "lo"
    assert [each.path for each in result.artefacts] == ["out"]


def test_the_second_rung_when_there_is_no_first(contained: Bench) -> None:
    contained.grants |= {"sandbox": "container", "container_image": IMAGE}
    result = contained.result("EXECUTE", {"argv": ["sh", "-c", "exit 3"]})
    assert (result.code, result.value["exit_code"], result.value["sandbox"]) == ("exit_nonzero", 3, "container")


def test_what_it_writes_is_bounded(contained: Bench) -> None:
    argv = ["sh", "-c", "for n in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=f$n bs=1048576 count=16; done; sleep 20"]
    limits = {"disk_bytes": 64 * MIB}
    result = contained.result("EXECUTE", {"argv": argv, "image": IMAGE}, limits=limits)
    assert result.code == "disk_exceeded"


def test_fork_bomb_in_a_container(contained: Bench) -> None:
    bomb = "f() { f | f & }; f; sleep 2; echo over"
    limits = {"processes": 20, "seconds": 4}
    result = contained.result("EXECUTE", {"argv": ["sh", "-c", bomb], "image": IMAGE}, limits=limits)
    assert result.value["most_processes"] <= 20 + 12, "with those of the engine"


def test_cancelled_it_is_gone_though_it_does_not_listen(contained: Bench) -> None:
    argv = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]
    said = Said()
    with contained.started(order("EXECUTE", {"argv": argv, "image": IMAGE})) as process:
        assert process.stdout
        for line in process.stdout:
            said.take(line)
            if "deaf" in said.logs and not said.result:
                process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert said.result
    assert said.result.code == "cancelled"


def test_an_image_that_is_not_there_is_not_fetched(contained: Bench) -> None:
    result = contained.result("EXECUTE", {"argv": ["true"], "image": "localhost/no-such:1"})
    assert (result.code, "no-such" in result.error) == ("engine_unavailable", True)
