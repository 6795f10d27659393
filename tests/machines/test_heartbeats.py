"""Reports of machines: whose are taken, what the clocks of both sides do to them, and what comes back."""

import asyncio
import ssl
import time
from dataclasses import replace

import aiohttp
import pytest

from cluster_ai.node_agent.beat import EXPELLED_TIMES
from cluster_ai.node_agent.head import Expelled, reaching
from cluster_ai.nodes.inventory import Gauges
from cluster_ai.nodes.presence import MachineState
from cluster_ai.nodes.types import Done, HeartbeatReply, LocalService, RenewRequest
from cluster_ai.pki.contexts import client_context
from cluster_ai.pki.requests import new_key, request_for
from tests.machines.house import HOST, Head, House, post, stranger
from tests.pki.members import Members

HOURS = 3600.0
DAYS = 86_400.0


async def code_of(head: Head, path: str, body: object, tls: ssl.SSLContext) -> tuple[int, str]:
    status, said = await post(head.house.port, path, body, tls=tls)
    return status, str(said.get("code", ""))


def test_report_without_a_certificate_is_refused_and_told(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        tls = await asyncio.to_thread(stranger, head.members.authority.pem)
        for path, body in (
            ("/heartbeat", machine.beat()),
            ("/renew", RenewRequest(request=request_for(new_key(), "x"))),
        ):
            assert await code_of(head, path, body, tls) == (403, "certificate_refused")
        assert head.told()[1:] == [
            ("machines_heartbeat", "certificate_refused"),
            ("machines_renew", "certificate_refused"),
        ]
        assert head.fleet.named("tower").state is MachineState.NEVER

    house.tell(story)


def test_stranger_who_knocks_a_thousand_times_fills_no_log(house: House) -> None:
    async def story(head: Head) -> None:
        tls = await asyncio.to_thread(stranger, head.members.authority.pem)
        async with aiohttp.ClientSession(trust_env=False) as session:
            for _ in range(100):
                status, _ = await post(house.port, "/heartbeat", b"{" * 1000, tls=tls, session=session)
                assert status == 403
        assert len(head.deeds) == 5

    house.tell(story)


def test_member_of_another_cluster_is_not_heard(house: House) -> None:
    foreign = Members(house.folder / "foreign", time.time())
    foreign.node(1)
    context = client_context(house.folder / "foreign" / "node-1")
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        with pytest.raises((aiohttp.ClientError, OSError)):
            await post(house.port, "/heartbeat", machine.beat(), tls=context)
        assert head.fleet.named("tower").state is MachineState.NEVER

    house.tell(story)


def test_machine_that_speaks_for_another_is_refused_and_told(house: House) -> None:
    async def story(head: Head) -> None:
        one, two = await head.joined("one"), await head.joined("two")
        beat = one.beat(node_id=two.id, done=(Done(order="x"),))
        assert await code_of(head, "/heartbeat", beat, await one.context()) == (403, "not_itself")
        [deed] = [deed for deed in head.deeds if deed.outcome == "not_itself"]
        assert (deed.actor, deed.action) == (f"machine {one.id}", "machines_heartbeat")
        assert head.fleet.named("two").state is MachineState.NEVER

    house.tell(story)


def test_heads_own_certificate_is_no_machines(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        own = await asyncio.to_thread(client_context, house.files.store)
        assert await code_of(head, "/heartbeat", machine.beat(), own) == (403, "certificate_refused")

    house.tell(story)


def test_removed_machine_is_refused_at_once_and_its_name_is_free(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        tls = await machine.context()
        async with aiohttp.ClientSession(trust_env=False) as session:
            assert (await post(house.port, "/heartbeat", machine.beat(), tls=tls, session=session))[0] == 200
            await head.fleet.remove("tower")
            status, said = await post(house.port, "/heartbeat", machine.beat(), tls=tls, session=session)
            assert (status, said["code"]) == (403, "certificate_refused")
            renew = RenewRequest(request=request_for(new_key(), "x"))
            status, said = await post(house.port, "/renew", renew, tls=tls, session=session)
            assert (status, said["code"]) == (403, "certificate_refused")
        await head.joined("tower", hardware="another")

    house.tell(story)


def test_removed_machine_hears_from_its_head_that_it_is_out(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        tls, beat = await machine.context(), machine.beat()
        async with reaching((f"https://{HOST}:{house.port}",), tls) as known:
            await known.beat(beat)
            await head.fleet.remove("tower")
            await head.members.publish_revoked()
            for _ in range(EXPELLED_TIMES):
                # On the connection that stands; a new one is refused in the handshake.
                with pytest.raises(Expelled):
                    await known.beat(machine.beat())

    house.tell(story)


def test_copies_and_late_reports_are_refused_and_nobody_is_bothered(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        tls = await machine.context()
        early, now = machine.beat(gauges=Gauges(busy=0.1)), machine.beat(gauges=Gauges(busy=0.9))
        assert (await code_of(head, "/heartbeat", now, tls))[0] == 200
        for beat in (now, early):
            assert await code_of(head, "/heartbeat", beat, tls) == (409, "late_heartbeat")
        presence = head.fleet.named("tower").presence
        assert presence is not None
        assert presence.beat.gauges.busy == 0.9
        # A machine that started anew counts from anew.
        assert (await code_of(head, "/heartbeat", machine.beat(number=0, boot_id="boot-2"), tls))[0] == 200
        assert len(head.deeds) == 1

    house.tell(story)


@pytest.mark.parametrize("ahead", [2 * HOURS, -1 * DAYS])
def test_wrong_clock_of_a_machine_changes_nothing_but_what_is_told_of_it(house: House, ahead: float) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        reply = await machine.send(sent_at=house.wall + ahead)
        assert reply.skew_seconds == pytest.approx(ahead)
        assert head.fleet.view(head.fleet.named("tower")).skew_seconds == pytest.approx(ahead)
        assert head.fleet.named("tower").state is MachineState.HEALTHY
        house.steady += 2
        assert head.fleet.named("tower").state is MachineState.HEALTHY

    house.tell(story)


@pytest.mark.parametrize("jump", [2 * HOURS, -1 * DAYS])
def test_heads_clock_that_jumps_loses_no_machine(house: House, jump: float) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        await machine.send()
        house.wall += jump
        assert head.fleet.named("tower").state is MachineState.HEALTHY
        reply = await machine.send()
        assert reply.skew_seconds == 0.0
        await head.joined("attic")

    house.tell(story)


def test_silence_is_told_by_seconds_that_have_passed(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        seen = []
        await machine.send()
        for silence in (0, 2.9, 0.2, 1.8, 0.2, 3600):
            house.steady += silence
            seen.append(head.fleet.named("tower").state.value)
        assert seen == ["healthy", "healthy", "suspect", "suspect", "away", "away"]
        await machine.send()
        assert head.fleet.named("tower").state is MachineState.HEALTHY

    house.tell(story)


def test_machine_whose_reports_are_refused_as_late_falls_silent(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        tls, beat = await machine.context(), machine.beat()
        for _ in range(4):
            await post(house.port, "/heartbeat", beat, tls=tls)
            house.steady += 2
        assert head.fleet.named("tower").state is MachineState.AWAY, "a copy is no sign of life"

    house.tell(story)


def test_head_that_started_anew_asks_what_the_machine_is_made_of(house: House) -> None:
    machines = []

    async def first(head: Head) -> None:
        machine = await head.joined("tower")
        machines.append(machine)
        assert (await machine.send()).send_inventory
        assert not (await machine.send(inventory=machine.inventory)).send_inventory
        assert not (await machine.send()).send_inventory

    async def second(head: Head) -> None:
        [machine] = machines
        assert head.fleet.named("tower").state is MachineState.NEVER
        assert head.fleet.named("tower").machine.inventory == machine.inventory
        assert [node.name for node in head.fleet.serving().nodes] == ["tower"], "nobody is taken from the gateway"
        assert (await machine.send()).send_inventory
        assert not (await machine.send(inventory=machine.inventory)).send_inventory

    house.tell(first)
    house.tell(second)


def test_order_is_told_until_its_end_is_known_over_a_restart_of_the_head(house: House) -> None:
    machines = []

    async def first(head: Head) -> None:
        machine = await head.joined("tower")
        machines.append(machine)
        await head.fleet.order("tower", "reboot", by="owner")
        for _ in range(2):
            assert [order.verb for order in (await machine.send()).wanted.orders] == ["reboot"]

    async def second(head: Head) -> None:
        [machine] = machines
        other = await head.joined("other")
        [order] = (await machine.send()).wanted.orders
        # Nobody ends the order of another one.
        await other.send(done=(Done(order=order.id),))
        assert (await machine.send()).wanted.orders == (order,)
        reply = await machine.send(done=(Done(order=order.id, error="it stumbled"), Done(order="unknown")))
        assert reply.wanted.orders == ()
        [ended] = await head.fleet.machines.last_orders(machine.id)
        assert (ended.error, ended.done_at) == ("it stumbled", house.wall)
        # Told twice, because the answer to the first was lost: how it ended first stays.
        await machine.send(done=(Done(order=order.id),))
        assert (await head.fleet.machines.last_orders(machine.id))[0].error == "it stumbled"

    house.tell(first)
    house.tell(second)


def test_report_that_is_stored_takes_back_nothing_that_people_want(house: House) -> None:
    async def story(head: Head) -> None:
        machine = await head.joined("tower")
        before = head.fleet.named("tower").machine
        await head.fleet.change("tower", lambda known: replace(known, cordoned=True, labels=("quiet",)))
        # As a report that came in a moment before, and is written a moment after.
        await head.fleet.machines.heard(before, machine.beat(addresses=("10.0.0.9",)))
        [stored] = await head.fleet.machines.all()
        assert (stored.cordoned, stored.labels, stored.addresses) == (True, ("quiet",), ("10.0.0.9",))

    house.tell(story)


def test_machine_hears_of_certificates_that_were_revoked_since(house: House) -> None:
    async def story(head: Head) -> None:
        one, _ = await head.joined("one"), await head.joined("two")
        assert (await one.send(revoked_number=1)).revoked == ""
        await head.fleet.remove("two")
        listed = (await one.send(revoked_number=1)).revoked
        await asyncio.to_thread(one.store.put_revoked, listed)
        assert listed
        assert (await one.send(revoked_number=2)).revoked == ""

    house.tell(story)


def test_many_reports_at_once_lose_none(house: House) -> None:
    async def story(head: Head) -> None:
        machines = [await head.joined(f"m{number}") for number in range(8)]
        service = LocalService(kind="ollama", name="ollama", port=11434)

        async def beats(index: int) -> list[HeartbeatReply]:
            machine = machines[index]
            tls, replies = await machine.context(), []
            async with aiohttp.ClientSession(trust_env=False) as session:
                for _ in range(25):
                    beat = machine.beat(services=(service,), inventory=machine.inventory)
                    status, said = await post(house.port, "/heartbeat", beat, tls=tls, session=session)
                    assert status == 200, said
                    replies.append(HeartbeatReply.model_validate(said))
            return replies

        await asyncio.gather(*(beats(index) for index in range(8)))
        assert {known.state for known in head.fleet.all()} == {MachineState.HEALTHY}
        assert len(head.fleet.serving().nodes) == 8

    house.tell(story)
