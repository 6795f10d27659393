"""A machine's certificate is renewed under way: what runs goes on, what comes new sees the new one."""

import asyncio
import time

from cluster_ai.node_agent.door.opening import Rooms, open_door
from cluster_ai.node_agent.head import reaching
from cluster_ai.node_agent.renewal import Renewal
from cluster_ai.pki.contexts import Renewed, client_context
from cluster_ai.pki.peer import serial_of
from cluster_ai.pki.types import node_host
from tests.machines.house import HOST, Head, House, Machine
from tests.node_agent.door.place import CHAT, Inner
from tests.node_agent.door.test_passing import ENDLESS, streaming
from tests.ports import free_port


async def renewed_once(machine: Machine, *, share: float) -> bool:
    """Whether a look at that share of the certificate's life renewed it."""
    life = await asyncio.to_thread(machine.store.life)
    now = life.made_at + share * (life.not_after - life.made_at)
    async with reaching((f"https://{HOST}:{machine.house.port}",), await machine.context()) as head:
        return await Renewal(machine.store, machine.name, head).tick(now=now)


def test_certificate_is_renewed_in_its_last_third_and_not_before(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        first = (await asyncio.to_thread(machine.store.found)).serial_number
        assert not await renewed_once(machine, share=0.6)
        assert (await asyncio.to_thread(machine.store.found)).serial_number == first
        assert await renewed_once(machine, share=0.7)
        second = await asyncio.to_thread(machine.store.found)
        assert second.serial_number != first
        assert head.fleet.named("tower").machine.serial == f"{second.serial_number:x}"
        assert head.told()[-1] == ("certificate_renewed", "done")
        await machine.send()

    house.tell(story)


def test_head_that_is_away_is_asked_again_and_the_old_certificate_stays(house: House) -> None:
    machines = []

    async def story(head: Head) -> None:
        machines.append(await head.joined("tower"))

    house.tell(story)
    [machine] = machines
    before = machine.store.found().serial_number
    assert not asyncio.run(renewed_once(machine, share=0.9))
    assert machine.store.found().serial_number == before

    async def later(_head: Head) -> None:
        assert await renewed_once(machine, share=0.9)

    house.tell(later)


def test_stream_and_heartbeats_go_on_while_the_certificate_changes(house: House) -> None:
    async def story(head: Head) -> None:
        machine, port = await head.joined("tower"), free_port()
        renewed = await asyncio.to_thread(Renewed, machine.store.folder)
        tls, heads = await asyncio.to_thread(lambda: (renewed.server(), client_context(house.files.store)))
        engine = Inner(streaming)
        server = await asyncio.start_server(engine.serve, HOST, 0)
        rooms = Rooms(lambda: (HOST, server.sockets[0].getsockname()[1]), machine.folder / "none.sock")
        cluster_id = head.members.authority.cluster_id

        async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
            reader, writer = await asyncio.open_connection(HOST, port, ssl=heads, server_hostname=node_host(machine.id))
            return reader, writer, serial_of(writer.get_extra_info("ssl_object").getpeercert(True))

        async with server, open_door(HOST, port, tls=tls, cluster_id=cluster_id, rooms=rooms):
            reader, writer, first = await connected()
            writer.write(CHAT)
            await reader.readexactly(len(ENDLESS) + 6)
            await machine.send()
            assert await renewed_once(machine, share=0.7)
            assert await asyncio.to_thread(renewed.refresh)
            assert await reader.readexactly(6 * 20) == b"1\r\nx\r\n" * 20, "the stream goes on"
            other = await connected()
            assert other[2] != first
            assert other[2] == head.fleet.named("tower").machine.serial
            await machine.send()
            for one in (writer, other[1]):
                one.transport.abort()
            end = time.monotonic() + 5
            while engine.open:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    house.tell(story)
