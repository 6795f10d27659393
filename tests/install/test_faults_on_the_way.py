"""Whatever goes wrong: said by its cause, with its exit code, and nothing half-done is left."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.install.conftest import PATH, Head, Machine, has_nothing, heading, version_of
from tests.install.small import program
from tests.waiting import until

pytestmark = pytest.mark.real
SHELLS = [
    (path, *more)
    for name, *more in (("dash",), ("bash",), ("bash", "--posix"), ("busybox", "ash"), ("ksh",))
    if (path := shutil.which(name, path=PATH))
]
OWN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def is_undone(machine: Machine) -> bool:
    """Only what was fetched may be left, and the list that says so."""
    left = {name for name in machine.files() if not name.startswith("tmp/")}
    allowed = machine.prefix.relative_to(machine.root).as_posix()
    return all(
        allowed.startswith(name) or name.startswith((f"{allowed}/fetched", f"{allowed}/made.list")) for name in left
    )


def wheels_fetched(machine: Machine) -> list[Path]:
    return list((machine.prefix / "fetched").rglob("*.whl"))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell_takes_it(head: Head, machine: Machine, shell: tuple[str, ...]) -> None:
    machine.shell = shell
    done = machine.run("worker", "--user", "--dry-run", "--join", head.lines[0])
    assert done.returncode == 0, done.stderr
    assert "What will be done" in done.stderr
    assert has_nothing(machine), machine.files()


def test_a_cable_that_is_pulled_in_the_middle_costs_only_what_was_under_way(head: Head, machine: Machine) -> None:
    head.fault("cut")
    done = machine.run("worker", "--user", "--no-service", "--join", head.lines[0])
    assert done.returncode == 0, done.stderr
    assert any(" bytes=" in call for call in head.calls()), "it went on from where it was"


def test_other_bytes_than_the_head_signed_are_never_unfolded(head: Head, machine: Machine) -> None:
    head.fault("corrupt")
    done = machine.run("worker", "--user", "--join", head.lines[0])
    assert done.returncode == 7, done.stderr
    assert "is not what the head has signed" in done.stderr
    assert has_nothing(machine), machine.files()


def test_a_line_that_was_used_is_refused_and_the_download_serves_the_next_one(head: Head, machine: Machine) -> None:
    head.fault("refuse")
    done = machine.run("worker", "--user", "--join", head.lines[0])
    assert done.returncode == 10, done.stderr
    assert "did not let this machine in: this join line was used already\n" in done.stderr
    assert is_undone(machine), machine.files()
    assert wheels_fetched(machine)
    (head.folder / "fault").unlink()
    (head.folder / "calls").unlink()
    again = machine.run("worker", "--user", "--no-service", "--join", head.lines[1])
    assert again.returncode == 0, again.stderr
    assert not [call for call in head.calls() if call.endswith(".whl")], "nothing is fetched twice"


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        ("https://127.0.0.1:1/join?ca=" + "0" * 64 + "#" + "a" * 16 + "." + "b" * 48, 6, "Connection refused"),
        ("https://127.0.0.1:1/join?ca=" + "0" * 64, 2, "the end of the join line is missing"),
        ("ftp://x", 2, "a join line begins with https"),
        ("", 2, "A worker needs the join line"),
    ],
)
def test_a_bad_line_is_told_before_anything(machine: Machine, line: str, code: int, why: str) -> None:
    done = machine.run("worker", "--user", "--join", line)
    assert done.returncode == code, done.stderr
    assert why in done.stderr
    assert has_nothing(machine), machine.files()


def test_another_cluster_at_the_address_gets_nothing(head: Head, machine: Machine) -> None:
    before, _, after = head.lines[0].partition("ca=")
    done = machine.run("worker", "--user", "--join", f"{before}ca={'0' * 64}{after[64:]}")
    assert done.returncode == 7, done.stderr
    assert "is not the head of the join line" in done.stderr
    assert head.calls() == ["GET /ca"], "the secret was not shown to it"
    assert has_nothing(machine), machine.files()


def test_programs_that_are_missing_are_told_all_at_once(machine: Machine) -> None:
    tools = machine.root / "tools"
    tools.mkdir()
    for name in ("dash", "cat", "sed", "uname", "id"):
        (tools / name).symlink_to(shutil.which(name, path=PATH) or "")
    done = machine.run("worker", "--user", env={"PATH": str(tools)})
    assert done.returncode == 5
    for name in ("mktemp", "df", "chmod", "sort"):
        assert name in done.stderr
    assert machine.run("worker", "--user", env={"PATH": ""}).returncode == 5


@pytest.mark.parametrize(
    ("system", "machine_kind", "says"),
    [("Darwin", "arm64", ("macOS", "Linux VM", "OLLAMA_HOST=0.0.0.0", "[[gateway.upstreams]]")),
     ("FreeBSD", "amd64", ("FreeBSD amd64", "needs Linux")),
     ("Linux", "riscv64", ("Linux riscv64", "x86_64 or aarch64"))],
)  # fmt: skip
def test_a_system_that_is_not_served_is_told_alone_and_what_to_do(
    machine: Machine, head: Head, system: str, machine_kind: str, says: tuple[str, ...]
) -> None:
    tools = machine.root / "tools"
    tools.mkdir()
    uname = tools / "uname"
    uname.write_text(f"#!/bin/sh\ncase $1 in -m) echo {machine_kind} ;; *) echo {system} ;; esac\n")
    uname.chmod(0o755)
    path = {"PATH": f"{tools}:{PATH}", "CLUSTER_AI_PYTHON": ""}
    done = machine.run("worker", "--user", "--join", head.lines[0], env=path)
    assert done.returncode == 3, done.stderr
    for words in says:
        assert words in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.lstrip().startswith("✗")]) == 1, done.stderr
    assert "Python" not in done.stderr, "what else is missing there helps nobody"
    assert head.calls() == []
    assert not machine.prefix.exists()
    plan = machine.run("worker", "--user", "--print-plan", "json", "--join", head.lines[0], env=path)
    assert plan.returncode == 3
    assert json.loads(plan.stdout)["findings"]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_sentence_may_begin_with_an_option(machine: Machine, shell: tuple[str, ...]) -> None:
    done = replace(machine, shell=shell).run("worker", "--user", "--print-plan", "yaml")
    assert done.returncode == 2, done.stderr
    assert "--print-plan knows json alone." in done.stderr


def test_without_a_python_the_package_to_install_is_named(machine: Machine) -> None:
    tools = machine.root / "tools"
    tools.mkdir()
    needed = "cat chmod date df grep id kill mkdir mktemp mv rm rmdir sed sleep sort tail tr uname"
    for name in needed.split():
        (tools / name).symlink_to(shutil.which(name, path=PATH) or "/bin/true")
    done = machine.run("worker", "--user", env={"PATH": str(tools), "CLUSTER_AI_PYTHON": ""})
    assert done.returncode == 5, done.stderr
    assert "Python 3.11, 3.12 or 3.13 was not found" in done.stderr
    assert "install" in done.stderr.lower()


def in_small_room(machine: Machine, mount: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installer in an account whose home folder was mounted anew."""
    inside = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
    argv = [*OWN_NAMESPACE, "sh", "-c", inside, "sh", mount, str(machine.home), *machine.argv(*arguments)]
    return machine.run(argv=argv)


def test_a_full_disk_is_told_before_anything_is_fetched(head: Head, machine: Machine) -> None:
    done = in_small_room(machine, "size=20m", "worker", "--user", "--join", head.lines[0])
    assert done.returncode == 9, done.stderr
    assert "MiB are needed" in done.stderr
    assert not [call for call in head.calls() if call.endswith(".whl")]


def test_a_disk_that_fills_up_on_the_way_is_told_and_undone(head: Head, machine: Machine) -> None:
    # Room when it looks; none once it has begun, for the rest is taken then.
    inside = """
        mount -t tmpfs -o size=250m none "$HOME" || exit 99
        { while [ ! -d "$HOME/.local/lib/cluster-ai/.installing" ]; do sleep 0.02; done
          head -c 240m /dev/zero >"$HOME/filler"; } &
        "$@"
        code=$?
        wait
        find "$HOME" -type f
        exit "$code"
    """
    head.fault("slow")
    argv = [*OWN_NAMESPACE, "sh", "-c", inside, "sh", *machine.argv("worker", "--user", "--join", head.lines[0])]
    done = machine.run(argv=argv)
    assert done.returncode == 9, done.stderr + done.stdout
    assert "versions" not in done.stdout


def test_a_folder_that_cannot_be_written_is_told(head: Head, machine: Machine) -> None:
    done = in_small_room(machine, "ro", "worker", "--user", "--join", head.lines[0])
    assert done.returncode == 4, done.stderr
    assert "cannot be written" in done.stderr


def test_two_at_once_are_one(head: Head, machine: Machine) -> None:
    lock = machine.prefix / ".installing"
    lock.mkdir(parents=True)
    (lock / "pid").write_text(str(os.getpid()))
    done = machine.run("worker", "--user", "--no-service", "--join", head.lines[0])
    assert done.returncode == 1
    assert f"(process {os.getpid()})" in done.stderr
    # One that was killed holds nobody up.
    (lock / "pid").write_text("999999999")
    assert machine.run("worker", "--user", "--no-service", "--join", head.lines[0]).returncode == 0
    assert not lock.exists()


def told_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in iter(process.stdout.readline, ""):
        said += line
        if text in line:
            return said
    raise AssertionError(f"it never said {text!r}: {said}")


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        ("stall", "There is no terminal"),
        ("", "✓ fetch and check"),
        ("stall-join", "✓ switch"),
        ("never-heard", "✓ start"),
    ],
)
def test_interrupted_in_any_step_nothing_half_is_left(head: Head, machine: Machine, fault: str, after: str) -> None:
    if fault == "never-heard":
        machine.data.mkdir(parents=True)
        (machine.data / "reachable").write_text("null")
    elif fault:
        head.fault(fault)
    with machine.started("worker", "--user", "--join", head.lines[0]) as process:
        said = told_until(process, after)
        if fault.startswith("stall"):
            path = "POST /join" if fault == "stall-join" else "program.tar.gz"
            until(lambda: any(path in call for call in head.calls()), what="it is in the middle")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said + rest
    assert "undone" in rest
    assert not (machine.prefix / "current").exists()
    assert not (machine.prefix / "versions").exists()
    assert not (machine.home / ".local/bin/cluster-ai").exists()
    assert machine.runner() is None
    assert not list((machine.root / "tmp").iterdir())


@contextlib.contextmanager
def other_version(folder: Path, wheels: Path, *, healthy: bool) -> Iterator[Head]:
    root = program(folder / "program", wheel=wheels / "small-1-py3-none-any.whl", healthy=healthy, note="another")
    with heading(folder / "head", root, wheels) as there:
        yield there


def test_a_version_that_does_not_fit_this_machine_is_never_switched_to(
    machine: Machine, wheels: Path, tmp_path: Path
) -> None:
    with other_version(tmp_path, wheels, healthy=False) as broken:
        done = machine.run("worker", "--user", "--join", broken.lines[0])
    assert done.returncode == 11, done.stderr
    assert "GLIBC_9.99" in done.stderr
    assert is_undone(machine), machine.files()


def test_what_was_installed_runs_on_when_the_next_version_does_not_fit(
    head: Head, machine: Machine, wheels: Path, tmp_path: Path
) -> None:
    assert machine.run("worker", "--user", "--join", head.lines[0]).returncode == 0
    before, pid = (machine.prefix / "current").readlink(), machine.runner()
    # The same cluster: its authority is the same, its software is not.
    shutil.copytree(head.folder / "ca", tmp_path / "head/ca")
    with other_version(tmp_path, wheels, healthy=False) as broken:
        done = machine.run("worker", "--user", "--join", broken.lines[0])
    assert done.returncode == 11, done.stderr
    assert version_of(done.stderr) != before.name
    assert (machine.prefix / "current").readlink() == before
    assert machine.runner() == pid
    assert [path.name for path in (machine.prefix / "versions").iterdir()] == [before.name]


def test_what_it_does_not_do_it_refuses_by_name(machine: Machine) -> None:
    assert machine.run("worker", "--join", "x", "--join-file", "y").returncode == 2
    for option in ("--gpu", "--with-ollama", "--token-file", "--nonsense"):
        refused = machine.run("worker", option)
        assert refused.returncode == 2
        assert option in refused.stderr
    assert machine.run("worker", "--prefix").returncode == 2
    assert has_nothing(machine)
