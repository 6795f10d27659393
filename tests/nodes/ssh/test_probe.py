"""What a machine tells of itself, and what keeps it out."""

import ast
import os
import platform
import time
from importlib.resources import files
from pathlib import Path

import pytest

from cluster_ai.nodes.ssh.causes import NoShell
from cluster_ai.nodes.ssh.host_keys import HostKeys
from cluster_ai.nodes.ssh.probe import Needs, Probed, findings, probe, understood
from tests.nodes.ssh.conftest import Serve, enter
from tests.nodes.ssh.server import Server

GOOD = Probed(
    time=1.0, kernel="Linux", architecture="x86_64", python="3.11.2", disk_free=10 * 2**30, user="u", venv=True
)


@pytest.mark.real
@pytest.mark.anyio
async def test_a_machine_tells_what_it_is(server: Server, keys: HostKeys, user_key: Path) -> None:
    async with enter(server, keys, user_key) as session:
        found = await probe(session)
    assert found.python.startswith("3.")
    assert (found.kernel, found.architecture) == ("Linux", platform.machine())
    assert (found.user, found.home, found.root) == ("owner", str(server.home), False)
    assert found.cpus == os.cpu_count()
    assert found.memory > 2**28
    assert found.disk_free > 0
    assert abs(found.skew) < 5


@pytest.mark.real
@pytest.mark.anyio
async def test_noise_of_login_files_does_not_confuse(serve: Serve, keys: HostKeys, user_key: Path) -> None:
    server = serve()
    noisy = server.folder / "noisy"
    noisy.write_text('#!/bin/sh\necho "Welcome! {\\"time\\": 0}"\necho news >&2\nexec /bin/sh "$@"\n')
    noisy.chmod(0o755)
    passwd = server.folder / "passwd"
    passwd.write_text(passwd.read_text().replace(f"{server.home}:/bin/sh", f"{server.home}:{noisy}"))
    async with enter(server, keys, user_key) as session:
        assert (await probe(session)).user == "owner"


@pytest.mark.real
@pytest.mark.anyio
async def test_a_machine_without_python_is_told_apart(serve: Serve, keys: HostKeys, user_key: Path) -> None:
    server = serve()
    tools = server.folder / "tools"
    tools.mkdir()
    for tool in ("sh", "cat", "date", "uname", "df", "awk"):
        (tools / tool).symlink_to(next(p for p in (Path("/usr/bin", tool), Path("/bin", tool)) if p.exists()))
    bare = server.folder / "bare"
    bare.write_text(f'#!/bin/sh\nPATH={tools}\nexport PATH\nexec {tools}/sh "$@"\n')
    bare.chmod(0o755)
    passwd = server.folder / "passwd"
    passwd.write_text(passwd.read_text().replace(f"{server.home}:/bin/sh", f"{server.home}:{bare}"))
    async with enter(server, keys, user_key) as session:
        found = await probe(session)
    assert (found.python, found.architecture) == ("", platform.machine())
    assert abs(found.time - time.time()) < 60
    assert [one.code for one in findings(found, "m", Needs(disk=0))] == ["ssh_no_python"]


@pytest.mark.real
@pytest.mark.anyio
@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false"])
async def test_a_user_without_a_shell_is_told_apart(serve: Serve, keys: HostKeys, user_key: Path, shell: str) -> None:
    server = serve()
    passwd = server.folder / "passwd"
    passwd.write_text(passwd.read_text().replace(f"{server.home}:/bin/sh", f"{server.home}:{shell}"))
    with pytest.raises(NoShell):
        async with enter(server, keys, user_key) as session:
            await probe(session)


def test_the_script_is_for_old_pythons() -> None:
    text = files("cluster_ai.nodes.ssh").joinpath("probe_there.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 6))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)]
    arguments = {word.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords}
    assert not arguments & {"capture_output", "text", "missing_ok"}, "younger than 3.6"


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"python": ""}, ["ssh_no_python"]),
        ({"python": "3.6.8"}, ["ssh_old_python"]),
        ({"python": "3.9.2", "pythons": {"3.12": "/usr/bin/python3.12"}}, []),
        ({"python": "3.11.0rc1+"}, []),
        ({"disk_free": 2**20}, ["ssh_no_disk"]),
        ({"skew": -301.0}, ["ssh_clock_skew"]),
        ({"kernel": "Darwin", "architecture": "arm64"}, ["ssh_other_system"]),
        (
            {"python": "3.8.1", "disk_free": 0, "skew": 900.0, "architecture": "riscv64"},
            ["ssh_other_system", "ssh_old_python", "ssh_no_disk", "ssh_clock_skew"],
        ),
    ],
)
def test_everything_that_keeps_it_out_is_told_at_once(change: dict[str, object], codes: list[str]) -> None:
    assert [one.code for one in findings(GOOD.model_copy(update=change), "m", Needs())] == codes


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"This account is currently not available.",
        b"@@cluster-ai@@",
        b"@@cluster-ai@@{",
        b'@@cluster-ai@@{"time": "now"}',
        b'@@cluster-ai@@{"time": 1e999}',
        b'@@cluster-ai@@{"time": 1, "python": "' + b"9" * 300 + b'"}',
        b'@@cluster-ai@@{"time": 1, "cpus": -1}',
        b"\xff\xfe@@cluster-ai@@[]",
    ],
)
def test_an_answer_that_makes_no_sense_is_none(answer: bytes) -> None:
    assert understood(answer) is None


def test_the_last_answer_counts() -> None:
    assert understood(b'@@cluster-ai@@{"time": 1}\n@@cluster-ai@@{"time": 2, "new": "field"}\n') == Probed(time=2)
