"""Somebody between a machine and its head: what they hear, and whether they are believed."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.node_agent.head import HeadAway, WrongHead, authority_of
from cluster_ai.nodes.bundle.head import reach
from cluster_ai.nodes.lines import place
from cluster_ai.pki.authority import Authority, open_authority
from cluster_ai.pki.peer import identity_of_pem
from cluster_ai.pki.requests import key_pem, new_key, request_for
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import HEAD_HOST, Identity, PeerRole, node_host
from tests.machines.house import HOST, Head, House, Machine, request_of

CLUSTER = "01928d2f-0000-7000-8000-00000000000e"
TRIES = 6
"""Whether a certificate in base64 ends with padding is chance."""


@dataclass
class Impostor:
    """Answers TLS as the head, by an authority of its own. ``heard``: all that was sent to it."""

    authority: Authority
    folder: Path
    shows: str
    """What it answers to everybody who asks."""
    heard: bytearray = field(default_factory=bytearray)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """``host:port``, while the block runs."""
        context = await asyncio.to_thread(self._context)
        server = await asyncio.start_server(self.serve, HOST, 0, ssl=context)
        async with server:
            yield place(HOST, server.sockets[0].getsockname()[1])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await reader.read(65_536):
                self.heard += data
                body = self.shows.encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        writer.close()

    def _context(self) -> ssl.SSLContext:
        key = new_key()
        identity = Identity(PeerRole.HEAD, CLUSTER)
        signed = self.authority.sign(request_for(key, "x"), identity, now=time.time(), days=1)
        store = Store(self.folder / "tls")
        store.put(key=key_pem(key), certificate=signed.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(store.certificate, store.key)
        return context


def impostor(folder: Path, shows: str = "") -> Impostor:
    authority = open_authority(folder / "evil", now=time.time(), cluster_id=CLUSTER, name="evil")
    return Impostor(authority, folder / "evil", shows or authority.pem)


def test_another_head_at_the_address_hears_nothing_of_the_lines_secret(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        evil = await asyncio.to_thread(impostor, house.folder)
        for shows in (evil.authority.pem, "", "rubbish", head.members.authority.pem[:-40]):
            evil.shows = shows
            async with evil.listening() as where:
                with pytest.raises(WrongHead):
                    await Machine(house, "tower").join(replace(line, heads=(where, *line.heads)))
        assert b"GET /ca" in evil.heard
        assert b"Bearer" not in evil.heard
        assert line.token.encode() not in evil.heard
        await Machine(house, "tower").join(line)

    house.tell(story)


def test_authority_that_comes_along_with_the_right_one_is_not_believed(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        evil = await asyncio.to_thread(impostor, house.folder)
        real = head.members.authority.pem
        for shows in (real + evil.authority.pem, evil.authority.pem + real, real.strip() + evil.authority.pem):
            evil.shows = shows
            async with evil.listening() as where:
                with pytest.raises((WrongHead, HeadAway)):
                    await Machine(house, "tower").join(replace(line, heads=(where,)))
        assert line.token.encode() not in evil.heard

    for number in range(TRIES):
        folder = house.folder / str(number)
        folder.mkdir()
        House(folder).tell(story)


def test_only_the_authority_that_fits_is_kept(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        evil = await asyncio.to_thread(impostor, house.folder)
        evil.shows = head.members.authority.pem + "\n# and more\n" + evil.authority.pem
        found = [await authority_of(line)]
        async with evil.listening() as where:
            # Readers differ about what ends the first certificate; whoever takes it takes nothing else.
            with suppress(WrongHead):
                found.append(await authority_of(replace(line, heads=(where,))))
        for pem, context in found:
            assert pem.strip() == head.members.authority.pem.strip()
            assert len(context.get_ca_certs()) == 1

    house.tell(story)


@pytest.mark.parametrize("name", [HEAD_HOST, "HEAD.cluster-ai.internal.", node_host("x"), "cluster-ai.internal"])
def test_nobody_gets_a_certificate_with_the_name_of_another_member(house: House, name: str) -> None:
    authority = open_authority(house.folder / "ca", now=house.wall, cluster_id=CLUSTER, name="test")
    identity = Identity(PeerRole.NODE, CLUSTER, "01928d2f-0000-7000-8000-000000000001")
    with pytest.raises(InvalidInput):
        authority.sign(request_for(new_key(), "x"), identity, now=house.wall, days=1, names=(name,))


def test_what_a_machine_says_of_its_addresses_does_not_get_into_its_certificate(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        said = request_of("tower", addresses=(HEAD_HOST, "api.example.com", "192.168.1.1"))
        joined = await head.fleet.join(said, line.token)
        beat = Machine(house, "x").beat(node_id=joined.machine.id, addresses=(HEAD_HOST, "api.example.com"))
        await head.fleet.heard(beat)
        renewed = await head.fleet.machines.renew(joined.machine.id, request_for(new_key(), "x"))
        for pem in (joined.certificate, renewed.pem):
            assert _names(pem) == [node_host(joined.machine.id)]
            assert identity_of_pem(pem).node_id == joined.machine.id

    house.tell(story)


def test_machine_with_a_good_certificate_does_not_pass_for_the_head(house: House) -> None:
    async def story(head: Head) -> None:
        inside, line = await head.joined("inside"), await head.line()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        await asyncio.to_thread(context.load_cert_chain, inside.store.certificate, inside.store.key)
        evil = await asyncio.to_thread(impostor, house.folder, head.members.authority.pem)
        server = await asyncio.start_server(evil.serve, HOST, 0, ssl=context)
        async with server:
            where = place(HOST, server.sockets[0].getsockname()[1])
            with pytest.raises(ClusterError, match="its certificate is not the head's"):
                await Machine(house, "tower").join(replace(line, heads=(where,)))
        assert b"Bearer" not in evil.heard

    house.tell(story)


def _names(pem: str) -> list[str]:
    from cryptography import x509

    found = x509.load_pem_x509_certificate(pem.encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    others = [one for one in names if not isinstance(one, x509.UniformResourceIdentifier)]
    return [str(one.value) for one in others]


def test_installer_keeps_only_the_authority_that_fits(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        evil = await asyncio.to_thread(impostor, house.folder)
        evil.shows = head.members.authority.pem + evil.authority.pem
        async with evil.listening() as where:
            reached = await asyncio.to_thread(reach, replace(line, heads=(where,)))
        assert reached.authority.strip() == head.members.authority.pem.strip()

    house.tell(story)
