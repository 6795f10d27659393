"""Being let in, or told exactly why not."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cluster_ai.nodes.ssh.causes import (
    AuthFailed,
    IdentityUnusable,
    NameUnknown,
    NotSsh,
    Refused,
    TimedOut,
    Unreachable,
)
from cluster_ai.nodes.ssh.connecting import connected
from cluster_ai.nodes.ssh.credentials import Credentials, Wanted
from cluster_ai.nodes.ssh.dialing import USUAL, Times
from cluster_ai.nodes.ssh.host_keys import HostKeys, Trust
from cluster_ai.nodes.ssh.target import Target
from tests.nodes.ssh import server as servers
from tests.nodes.ssh.conftest import Serve, at, enter, known_key
from tests.nodes.ssh.server import PASSWORD, Server
from tests.ports import free_port

pytestmark = [pytest.mark.real, pytest.mark.anyio]


async def test_a_password_opens_and_is_asked_for_once(server: Server, keys: HostKeys) -> None:
    asked: list[Wanted] = []

    async def say(wanted: Wanted) -> str:
        asked.append(wanted)
        return PASSWORD

    async with enter(server, keys, None, secret=say) as session:
        assert (await session.run(["id", "-un"])).out == b"owner\n"
        assert PASSWORD not in repr(vars(session))
    assert asked == [Wanted("password", str(at(server)))]


async def test_a_wrong_password_says_what_the_machine_takes(server: Server, keys: HostKeys, tmp_path: Path) -> None:
    async def say(_wanted: Wanted) -> str:
        return "wrong horse"

    stranger = servers.new_key(tmp_path / "stranger")
    with pytest.raises(AuthFailed) as caught:
        async with enter(server, keys, stranger, secret=say):
            pass
    assert caught.value.tried == ("publickey", "password")
    assert set(caught.value.methods) == {"publickey", "password"}
    assert "wrong horse" not in str(caught.value)


async def test_a_machine_that_takes_keys_only_is_not_shown_a_password(
    serve: Serve, keys: HostKeys, tmp_path: Path
) -> None:
    async def say(_wanted: Wanted) -> str:
        raise AssertionError("this machine takes no passwords")

    server = serve(PasswordAuthentication="no")
    with pytest.raises(AuthFailed) as caught:
        async with enter(server, keys, servers.new_key(tmp_path / "stranger"), secret=say):
            pass
    assert caught.value.methods == ("publickey",)


async def test_root_by_password_is_refused_with_the_reason(server: Server, keys: HostKeys) -> None:
    async def say(_wanted: Wanted) -> str:
        return PASSWORD

    await asyncio.to_thread(keys.remember, at(server), known_key(server))
    target = Target("127.0.0.1", "root", server.port)
    with pytest.raises(AuthFailed, match="root") as caught:
        async with connected(target, trust=Trust(keys), credentials=Credentials(agent=False, secret=say)):
            pass
    assert "root in by key only" in caught.value.hint


async def test_a_locked_key_opens_with_its_passphrase(server: Server, keys: HostKeys, tmp_path: Path) -> None:
    locked = servers.new_key(tmp_path / "locked", passphrase="open sesame")
    server.let_in(locked.with_suffix(".pub").read_text())
    asked: list[Wanted] = []

    async def say(wanted: Wanted) -> str | None:
        asked.append(wanted)
        return "open sesame"

    async with enter(server, keys, locked, secret=say) as session:
        assert (await session.run(["true"])).status == 0
    assert asked == [Wanted("passphrase", str(locked))]
    with pytest.raises(IdentityUnusable, match="passphrase"):
        async with enter(server, keys, locked):
            pass


async def test_usual_keys_are_tried_and_locked_ones_passed_over(
    server: Server, keys: HostKeys, user_key: Path, tmp_path: Path
) -> None:
    usual = (tmp_path / "none", servers.new_key(tmp_path / "locked", passphrase="x" * 9), user_key)
    async with enter(server, keys, None, usual=usual) as session:
        assert (await session.run(["true"])).status == 0


@pytest.mark.parametrize("text", [None, "", "no key at all", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
async def test_a_key_file_that_is_none_is_named(
    server: Server, keys: HostKeys, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "identity"
    if text is not None:
        path.write_text(text)
    with pytest.raises(IdentityUnusable, match=str(path)):
        async with enter(server, keys, path):
            pass


async def test_the_agents_key_opens(
    server: Server, keys: HostKeys, user_key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_agent(tmp_path / "agent") as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        await asyncio.to_thread(subprocess.run, ["ssh-add", "-q", user_key], check=True)
        await asyncio.to_thread(keys.remember, at(server), known_key(server))
        async with connected(at(server), trust=Trust(keys), credentials=Credentials()) as session:
            assert (await session.run(["true"])).status == 0


@contextmanager
def ssh_agent(path: Path) -> Iterator[Path]:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if path.exists():
                break
            time.sleep(0.02)
        yield path
    finally:
        agent.terminate()
        agent.wait(timeout=5)


async def test_a_name_that_leads_nowhere(keys: HostKeys) -> None:
    with pytest.raises(NameUnknown, match=r"no-such-host\.invalid"):
        await hello(Target("no-such-host.invalid", "x"), keys)


async def test_a_port_where_nothing_listens(keys: HostKeys) -> None:
    with pytest.raises(Refused):
        await hello(Target("127.0.0.1", "x", free_port()), keys)


async def test_a_host_that_never_speaks(keys: HostKeys) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        began = time.monotonic()
        with pytest.raises(TimedOut, match="banner"):
            await hello(Target("127.0.0.1", "x", sock.getsockname()[1]), keys, Times(banner=0.5, exchange=3))
        assert time.monotonic() - began < 10


async def test_a_host_that_dribbles_its_banner_does_not_hold_us(keys: HostKeys) -> None:
    async def dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"welcome\r\n")
                await writer.drain()
                await asyncio.sleep(0.3)
        except OSError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(dribble, "127.0.0.1", 0) as one:
        port = one.sockets[0].getsockname()[1]
        with pytest.raises(TimedOut):
            await hello(Target("127.0.0.1", "x", port), keys, Times(banner=1, exchange=2))
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-1.5-old\r\n", b"\xff" * 300 + b"\n"])
async def test_a_port_that_speaks_something_else(keys: HostKeys, words: bytes) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as one:
        with pytest.raises(NotSsh):
            await hello(Target("127.0.0.1", "x", one.sockets[0].getsockname()[1]), keys, Times(banner=1, exchange=5))


async def test_a_chain_of_machines_is_gone_through(
    serve: Serve, server: Server, keys: HostKeys, user_key: Path
) -> None:
    first, second = serve(), serve()
    for one in (first, second, server):
        await asyncio.to_thread(keys.remember, at(one), known_key(one))
    target = at(server, jumps=(at(first), at(second)))
    async with connected(
        target, trust=Trust(keys), credentials=Credentials(identities=(user_key,), agent=False)
    ) as session:
        assert (await session.run(["sh", "-c", "echo $SSH_CONNECTION"])).out.split()[3] == str(server.port).encode()
    assert "Accepted publickey" in first.log()
    assert "Accepted publickey" in second.log()


async def test_a_machine_on_the_way_that_forwards_nothing(
    serve: Serve, server: Server, keys: HostKeys, user_key: Path
) -> None:
    first = serve(AllowTcpForwarding="no")
    await asyncio.to_thread(keys.remember, at(first), known_key(first))
    with pytest.raises(Unreachable, match="by way of"):
        async with connected(
            at(server, jumps=(at(first),)),
            trust=Trust(keys),
            credentials=Credentials(identities=(user_key,), agent=False),
        ):
            pass


async def hello(target: Target, keys: HostKeys, times: Times = USUAL) -> None:
    async with connected(target, trust=Trust(keys), credentials=Credentials(agent=False), times=times):
        pass
