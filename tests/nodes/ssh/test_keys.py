"""The cluster's own key opens a machine for a few verbs, from one place, and for nothing else."""

import asyncio
import stat
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.ssh import keys as cluster_keys
from cluster_ai.nodes.ssh.causes import AuthFailed, Unreachable
from cluster_ai.nodes.ssh.door import DOOR
from cluster_ai.nodes.ssh.host_keys import HostKeys
from cluster_ai.nodes.ssh.keys import Rights
from cluster_ai.nodes.ssh.target import Target
from tests.nodes.ssh.conftest import enter
from tests.nodes.ssh.server import Server

pytestmark = [pytest.mark.real, pytest.mark.anyio]


@dataclass
class Ours:
    """The key, and a machine that has it."""

    path: Path
    public: str
    server: Server


@pytest.fixture
async def ours(server: Server, keys: HostKeys, user_key: Path, tmp_path: Path) -> AsyncIterator[Ours]:
    path = tmp_path / "ssh" / "cluster"
    public = await asyncio.to_thread(cluster_keys.ensure, path, "cluster-ai@test")
    program = await asyncio.to_thread(installed, server.home / "lib")
    async with enter(server, keys, user_key) as session:
        await cluster_keys.install(session, public, Rights(("127.0.0.1",), str(program)), home=str(server.home))
        yield Ours(path, public, server)
        await cluster_keys.remove(session, public)


def installed(prefix: Path) -> Path:
    """What lies where the program is installed, as far as the door needs it."""
    program, python = prefix / "bin" / "cluster-ai", prefix / "current" / "venv" / "bin" / "python"
    for path in (program, python):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "ran: {path.name} $*"\n')
        path.chmod(0o755)
    (prefix / "home").write_text("/data of mine\n")
    return program


def test_it_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "ssh"
    first = cluster_keys.ensure(path, "cluster-ai@a")
    assert cluster_keys.ensure(path, "cluster-ai@a") == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True).stdout
    assert first.startswith(told.strip())


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("status", "ran: cluster-ai status --json\n"),
        ("restart", "ran: cluster-ai down\n"),
        ("logs", "ran: cluster-ai logs --lines 200\n"),
        ("probe", "ran: cluster-ai --version\n"),
        (
            "update",
            (
                "ran: python -P -m cluster_ai.nodes.bundle.steps upgrade --prefix {home}/lib --home /data of mine\n"
                "ran: cluster-ai down\n"
            ),
        ),
    ],
)
async def test_its_verbs_run(ours: Ours, keys: HostKeys, verb: str, told: str) -> None:
    async with enter(ours.server, keys, ours.path) as session:
        done = await session.run([verb])
    assert done.status == 0
    assert done.out.decode().endswith(told.format(home=ours.server.home))


@pytest.mark.parametrize(
    "argv",
    [
        ["id"],
        ["sh", "-c", "id"],
        ["probe; id"],
        ["probe", "--now"],
        ["status && id"],
        ["$(id)"],
        [" status"],
        [""],
        ["probe\nid"],
        ["-x"],
    ],
)
async def test_nothing_else_does(ours: Ours, keys: HostKeys, argv: list[str]) -> None:
    async with enter(ours.server, keys, ours.path) as session:
        done = await session.run(argv)
    assert (done.status, done.out) == (126, b"")
    assert b"may ask for: probe" in done.err


async def test_it_carries_no_connections(ours: Ours, keys: HostKeys) -> None:
    async with enter(ours.server, keys, ours.path) as session:
        with pytest.raises(Unreachable, match=r"(?i)prohibited"):
            await session.tunnel(Target("127.0.0.1", "x", ours.server.port))


async def test_it_gets_no_terminal_and_no_files(ours: Ours, keys: HostKeys) -> None:
    asked = ["ssh", "-tt", "-F", "none", "-i", str(ours.path), "-o", f"UserKnownHostsFile={keys.own}", "-p"]
    target = [str(ours.server.port), "owner@127.0.0.1", "status"]
    done = await asyncio.to_thread(subprocess.run, [*asked, *target], capture_output=True, text=True, timeout=20)
    assert "PTY allocation request failed" in done.stderr
    async with enter(ours.server, keys, ours.path) as session:
        with pytest.raises(Exception) as caught:
            await session.put(b"x", "file")
    assert caught.value.code == "ssh_no_sftp"
    assert not (ours.server.home / "file").exists()


async def test_from_elsewhere_it_opens_nothing(server: Server, keys: HostKeys, user_key: Path, tmp_path: Path) -> None:
    public = await asyncio.to_thread(cluster_keys.ensure, tmp_path / "elsewhere", "cluster-ai@elsewhere")
    async with enter(server, keys, user_key) as session:
        await cluster_keys.install(session, public, Rights(("10.9.8.7",), "/bin/true"), home=str(server.home))
        with pytest.raises(AuthFailed):
            async with enter(server, keys, tmp_path / "elsewhere"):
                pass
        await cluster_keys.remove(session, public)


async def test_other_keys_stay_as_they_were(server: Server, keys: HostKeys, user_key: Path, tmp_path: Path) -> None:
    file = server.home / ".ssh" / "authorized_keys"
    before = file.read_text()
    public = await asyncio.to_thread(cluster_keys.ensure, tmp_path / "key", "cluster-ai@other")
    async with enter(server, keys, user_key) as session:
        for program in ("/bin/true", "/opt/with space/cluster-ai"):
            await cluster_keys.install(session, public, Rights(("127.0.0.1",), program), home=str(server.home))
        after = file.read_text()
        assert (after.startswith(before), after.count("cluster-ai@other")) == (True, 1)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        await cluster_keys.remove(session, public)
        await cluster_keys.remove(session, public)
    assert file.read_text() == before
    assert not (server.home / DOOR).exists()


@pytest.mark.parametrize(
    ("addresses", "program"),
    [((), "/x"), (('1.2.3.4",command="id',), "/x"), (("*",), "/x"), (("1.2.3.4",), "/x\ncommand=")],
)
def test_what_would_open_more_is_refused(addresses: tuple[str, ...], program: str) -> None:
    with pytest.raises(InvalidInput):
        cluster_keys.line("ssh-ed25519 AAAA cluster-ai@x", Rights(addresses, program), "/home/u")


def test_quotes_in_a_path_stay_in_the_path() -> None:
    line = cluster_keys.line("ssh-ed25519 AAAA c", Rights(("::1",), "/a\"b'c"), "/home/u")
    assert line.startswith('restrict,from="::1/128",command="/home/u/.local/share/cluster-ai/ssh-door ')
    assert r"\"" in line


async def test_words_that_name_no_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        await asyncio.to_thread(cluster_keys.ensure, tmp_path / "k", "a b")
