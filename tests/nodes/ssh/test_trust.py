"""Whose key a host shows decides before anything is said to it."""

import asyncio
from pathlib import Path

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.discovery.known_hosts import line_of, parse
from cluster_ai.nodes.ssh.causes import HostKeyChanged, HostKeyUnknown
from cluster_ai.nodes.ssh.connecting import connected
from cluster_ai.nodes.ssh.credentials import Credentials
from cluster_ai.nodes.ssh.host_keys import FirstContact, HostKeys, Refusal, Trust, Verdict, fingerprint, judge
from cluster_ai.nodes.ssh.target import Target
from tests.nodes.ssh import server as servers
from tests.nodes.ssh.conftest import Serve, at, known_key
from tests.nodes.ssh.relay import relayed
from tests.nodes.ssh.server import PASSWORD, Server

pytestmark = [pytest.mark.real, pytest.mark.anyio]


def credentials(key: Path) -> Credentials:
    async def say(_wanted: object) -> str:
        return PASSWORD

    return Credentials(identities=(key,), agent=False, secret=say)


async def hello(target: Target, trust: Trust, key: Path) -> bytes:
    async with connected(target, trust=trust, credentials=credentials(key)) as session:
        return (await session.run(["echo", "hello"])).out


async def test_a_known_key_lets_us_speak(server: Server, keys: HostKeys, user_key: Path, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(server.known_line())
    assert await hello(at(server), Trust(keys), user_key) == b"hello\n"


async def test_an_unknown_host_is_shown_to_a_person_once(server: Server, keys: HostKeys, user_key: Path) -> None:
    asked: list[FirstContact] = []

    async def ask(contact: FirstContact) -> bool:
        asked.append(contact)
        return True

    for _ in range(2):
        assert await hello(at(server), Trust(keys, ask=ask), user_key) == b"hello\n"
    assert [one.key.fingerprint for one in asked] == [server.fingerprint]
    assert keys.own.stat().st_mode & 0o777 == 0o600


async def test_an_unknown_host_hears_nothing_when_nobody_vouches(
    server: Server, keys: HostKeys, user_key: Path
) -> None:
    async with relayed(server.port) as (port, ear):
        with pytest.raises(HostKeyUnknown) as caught:
            await hello(Target("127.0.0.1", servers.USER, port), Trust(keys), user_key)
    assert caught.value.fingerprint == server.fingerprint
    assert (ear.agreed, ear.after) == (True, 0)
    assert not keys.own.exists()


@pytest.mark.parametrize("vouched", [False, True], ids=["known key only", "fingerprint given"])
async def test_an_impostor_hears_nothing_beyond_the_key_exchange(
    server: Server, serve: Serve, keys: HostKeys, user_key: Path, *, vouched: bool
) -> None:
    impostor = serve()
    told: list[Refusal] = []

    async def believe(_contact: FirstContact) -> bool:
        raise AssertionError("nobody may be asked about a key that changed")

    async with relayed(impostor.port) as (port, ear):
        target = Target("127.0.0.1", servers.USER, port)
        await asyncio.to_thread(keys.remember, target, known_key(server))
        # Not even a fingerprint that fits the impostor makes up for a key that is known.
        expected = impostor.fingerprint if vouched else ""
        trust = Trust(keys, expected=expected, of=target, ask=believe, report=told.append)
        with pytest.raises(HostKeyChanged) as caught:
            await hello(target, trust, user_key)
    assert (caught.value.expected, caught.value.got) == (server.fingerprint, impostor.fingerprint)
    assert (ear.agreed, ear.after) == (True, 0)
    assert told == [Refusal(target, server.fingerprint, impostor.fingerprint)]
    assert not {"Accepted", "Failed"} & set(impostor.log().split())


async def test_the_ear_on_the_wire_hears_what_is_said(server: Server, keys: HostKeys, user_key: Path) -> None:
    async with relayed(server.port) as (port, ear):
        target = Target("127.0.0.1", servers.USER, port)
        await asyncio.to_thread(keys.remember, target, known_key(server))
        assert await hello(target, Trust(keys), user_key) == b"hello\n"
    assert ear.after > 500


async def test_a_given_fingerprint_vouches_for_its_host_only(
    server: Server, serve: Serve, keys: HostKeys, user_key: Path
) -> None:
    trust = Trust(keys, expected=server.fingerprint.removeprefix("SHA256:"), of=at(server))
    assert await hello(at(server), trust, user_key) == b"hello\n"
    other = serve()
    with pytest.raises(HostKeyUnknown):
        await hello(at(other), trust, user_key)
    with pytest.raises(HostKeyChanged):
        await hello(at(other), Trust(keys, expected=server.fingerprint, of=at(other)), user_key)


async def test_the_known_one_of_several_keys_is_asked_for(serve: Serve, keys: HostKeys, user_key: Path) -> None:
    server = serve()
    for kind in ("rsa", "ecdsa"):
        servers.new_key(server.folder / kind, kind)
    both = serve(HostKey=f"{server.folder / 'rsa'}\nHostKey {server.folder / 'ecdsa'}")
    public = (server.folder / "rsa.pub").read_text().split()
    known = parse(f"h {public[0]} {public[1]}").lines[0].key
    await asyncio.to_thread(keys.remember, at(both), known)
    assert await hello(at(both), Trust(keys), user_key) == b"hello\n"


async def test_a_key_of_another_kind_is_no_new_host(
    serve: Serve, server: Server, keys: HostKeys, user_key: Path
) -> None:
    ecdsa = servers.new_key(server.folder / "ecdsa", "ecdsa")
    impostor = serve(HostKey=str(ecdsa))
    await asyncio.to_thread(keys.remember, at(impostor), known_key(server))
    with pytest.raises(HostKeyChanged):
        await hello(at(impostor), Trust(keys), user_key)


async def test_a_revoked_key_is_refused(server: Server, keys: HostKeys, user_key: Path, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(server.known_line() + f"@revoked * {server.known_line().split(' ', 1)[1]}")
    with pytest.raises(HostKeyChanged):
        await hello(at(server), Trust(keys), user_key)


def test_hashed_names_are_compared(server: Server, tmp_path: Path) -> None:
    import subprocess

    file = tmp_path / "hashed"
    file.write_text(server.known_line())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    known = parse(file.read_text())
    assert known.hashed == 1
    assert judge(known, at(server), known_key(server)) == (Verdict.KNOWN, "")
    assert judge(known, Target("127.0.0.2", "x", server.port), known_key(server)) == (Verdict.UNKNOWN, "")


def test_a_host_can_be_forgotten(server: Server, keys: HostKeys) -> None:
    keys.remember(at(server), known_key(server))
    keys.remember(Target("other", "x"), known_key(server))
    assert keys.forget(at(server)) == 1
    assert [line.names for line in keys.known().lines] == [("other",)]


@pytest.mark.parametrize("text", ["", "SHA256:", "MD5:aa:bb", "x" * 43 + "y", "é" * 43, "a b" + "c" * 40])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        fingerprint(text)


def test_our_lines_are_those_of_openssh(server: Server) -> None:
    assert line_of("127.0.0.1", server.port, known_key(server)) == server.known_line()
