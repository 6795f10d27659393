"""The head knocks at the doors of its machines; a machine may name addresses at which nobody answers."""

import asyncio
from contextlib import suppress

from backend.machines.dialing import Dialling
from cluster_ai.pki.contexts import server_context
from tests.machines.house import Head, House
from tests.ports import free_port

MANY = tuple(f"127.0.1.{number}" for number in range(1, 33))
"""All of them are this box."""


def test_machine_whose_addresses_are_all_silent_holds_up_nobody(house: House) -> None:
    async def story(head: Head) -> None:
        here: set[asyncio.StreamWriter] = set()
        all_here = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            here.add(writer)
            if len(here) == len(MANY):
                all_here.set()
            with suppress(OSError):
                await reader.read()
                await reader.read()
            here.discard(writer)
            writer.close()

        port = free_port()
        server = await asyncio.start_server(silent, list(MANY), port)
        tower = await head.joined("tower")
        await tower.send(addresses=MANY, port=port)
        async with server:
            looking = asyncio.create_task(Dialling(head.fleet, await tower.context()).tick())
            knocked = asyncio.create_task(all_here.wait())
            await asyncio.wait({looking, knocked}, return_when=asyncio.FIRST_COMPLETED)
            assert all_here.is_set(), "one after the other"
            await looking
        known = head.fleet.named("tower")
        assert known.presence is not None
        assert known.presence.reachable is False
        assert known.presence.unreachable_because.startswith(f"{MANY[0]}: no answer in time; {MANY[1]}:")

    house.tell(story)


def test_best_of_the_addresses_that_open_is_the_first_and_what_is_no_address_stops_nobody(house: House) -> None:
    async def story(head: Head) -> None:
        attic, tower = await head.joined("attic"), await head.joined("tower")
        context = await asyncio.to_thread(server_context, tower.store.folder)
        server = await asyncio.start_server(_closes, list(MANY[5:7]), free_port(), ssl=context)
        _, port = server.sockets[0].getsockname()
        # As an earlier version of the head has stored them.
        for machine, addresses in ((attic, ("a..b", "x" * 80)), (tower, ("a..b", MANY[0], MANY[6], MANY[5]))):
            await head.fleet.heard(machine.beat(port=port).model_copy(update={"addresses": addresses}))
        async with server:
            await Dialling(head.fleet, await attic.context()).tick()
        seen = {known.machine.name: known.presence for known in head.fleet.all()}
        assert seen["attic"] is not None
        assert (seen["attic"].reachable, seen["attic"].best) == (False, "")
        assert seen["tower"] is not None
        assert (seen["tower"].reachable, seen["tower"].best) == (True, MANY[6])

    house.tell(story)


async def _closes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
