"""Who gets in by a join line, who does not, and what is left of it."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from cluster_ai.core.errors import ClusterError
from cluster_ai.pki.peer import identity_of_pem
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import PeerRole
from tests.machines.house import Head, House, Machine, post, request_of, stranger


async def refusal(head: Head, name: str, token: str) -> str:
    """Code of the answer to somebody who tries that token."""
    tls = await asyncio.to_thread(stranger, head.members.authority.pem)
    status, said = await post(head.house.port, "/join", request_of(name), tls=tls, token=token)
    assert status >= 400, said
    return str(said["code"])


def test_machine_joins_by_a_good_line(house: House) -> None:
    async def story(head: Head) -> None:
        machine = Machine(house, "tower")
        reply = await machine.join(await head.line(labels=("attic",)), clock=120.0)
        who = identity_of_pem(await asyncio.to_thread(machine.store.certificate.read_text))
        assert (who.role, who.node_id) == (PeerRole.NODE, reply.node_id)
        assert who.cluster_id == head.members.authority.cluster_id
        assert reply.skew_seconds == pytest.approx(120.0)
        known = head.fleet.named("tower")
        assert (known.machine.joined_by, known.machine.labels) == ("owner", ("attic",))
        assert head.told() == [("machine_joined", "done")]
        await machine.send()
        [used] = await head.members.invitations.all()
        assert (used.state, used.used_by) == ("used", "tower")

    house.tell(story)


def test_used_line_lets_nobody_else_in(house: House) -> None:
    async def story(head: Head) -> None:
        first, line = Machine(house, "one"), await head.line()
        await first.join(line)
        with pytest.raises(ClusterError, match="already") as refused:
            await Machine(house, "two").join(line)
        assert refused.value.code == "join_refused"
        assert head.told()[-1] == ("machines_join", "join_refused")
        await first.send()
        assert [known.machine.name for known in head.fleet.all()] == ["one"]

    house.tell(story)


def test_line_that_ended_lets_nobody_in_and_says_why(house: House) -> None:
    async def story(head: Head) -> None:
        old, revoked, good = await head.line(seconds=60), await head.line(), await head.line()
        await head.members.invitations.revoke(revoked.token.partition(".")[0])
        house.wall += 61
        unknown = replace(good, token=good.token[:-1] + ("0" if good.token[-1] != "0" else "1"))
        for line, why in ((old, "too old"), (revoked, "revoked"), (unknown, "knows no")):
            with pytest.raises(ClusterError, match=why) as refused:
                await Machine(house, "one").join(line)
            assert refused.value.code == "join_refused"
        assert head.told() == [("machines_join", "join_refused")] * 3
        await Machine(house, "one").join(good)

    house.tell(story)


def test_two_machines_that_race_for_one_line_get_one_place(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        machines = [Machine(house, f"m{number}") for number in range(4)]
        ends = await asyncio.gather(*(machine.join(line) for machine in machines), return_exceptions=True)
        refused = [end for end in ends if isinstance(end, ClusterError)]
        assert [end.code for end in refused] == ["join_refused"] * 3
        [winner] = [machine for machine, end in zip(machines, ends, strict=True) if end not in refused]
        assert [known.machine.name for known in head.fleet.all()] == [winner.name]
        assert [machine.name for machine in await head.fleet.machines.all()] == [winner.name]
        losers = [machine.store for machine in machines if machine is not winner]
        assert not await asyncio.to_thread(lambda: any(store.is_there for store in losers))

    house.tell(story)


def test_name_of_other_hardware_is_refused_and_the_line_stays_good(house: House) -> None:
    async def story(head: Head) -> None:
        first = await head.joined("tower")
        line = await head.line()
        for other in ("another-box", ""):
            machine = Machine(house, "tower")
            machine.hardware = other
            with pytest.raises(ClusterError) as refused:
                await machine.join(line)
            assert refused.value.code == "machine_name_taken"
        await first.send()
        await Machine(house, "attic", hardware="another-box").join(line)

    house.tell(story)


def test_names_that_the_gateway_gives_itself_are_nobodys(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        for name in ("embedded", "local-ollama"):
            with pytest.raises(ClusterError) as refused:
                await Machine(house, name).join(line)
            assert refused.value.code == "machine_name_taken"
        await Machine(house, "embedded-2").join(line)

    house.tell(story)


def test_same_hardware_gets_its_place_back_and_its_old_certificate_opens_nothing(house: House) -> None:
    async def story(head: Head) -> None:
        old = await head.joined("tower")
        old_tls = await old.context()
        async with aiohttp.ClientSession(trust_env=False) as session:
            status, _ = await post(house.port, "/heartbeat", old.beat(), tls=old_tls, session=session)
            assert status == 200
            again = await head.joined("tower")
            assert again.id == old.id
            # The connection that is open already ...
            status, said = await post(house.port, "/heartbeat", old.beat(), tls=old_tls, session=session)
            assert (status, said["code"]) == (403, "certificate_refused")
        # ... and a new one, before any listener has read the new list.
        status, said = await post(house.port, "/heartbeat", old.beat(), tls=old_tls)
        assert (status, said["code"]) == (403, "certificate_refused")
        assert head.told()[-1] == ("machines_heartbeat", "certificate_refused")
        await again.send()
        assert [known.machine.name for known in head.fleet.all()] == ["tower"]

    house.tell(story)


def test_machine_that_never_heard_the_yes_can_join_again(house: House) -> None:
    async def lost(head: Head) -> None:
        # The head let it in, and was killed before the machine could read it.
        line = await head.line()
        await head.fleet.join(request_of("tower"), line.token)

    async def again(head: Head) -> None:
        machine = Machine(house, "tower", hardware="id-of-tower")
        await machine.join(await head.line())
        await machine.send()
        assert [known.machine.name for known in head.fleet.all()] == ["tower"]

    house.tell(lost)
    house.tell(again)


def test_machine_that_is_in_already_asks_nobody(house: House) -> None:
    async def story(head: Head) -> None:
        machine, line = await head.joined("tower"), await head.line()
        with pytest.raises(ClusterError) as refused:
            await machine.join(line)
        assert refused.value.code == "already_joined"
        await Machine(house, "attic").join(line)

    house.tell(story)


def test_guessing_is_slowed_down(house: House) -> None:
    async def story(head: Head) -> None:
        codes = [await refusal(head, "guesser", f"{number:016x}.{number:048x}") for number in range(8)]
        assert codes == ["join_refused"] * 5 + ["too_many_attempts"] * 3
        assert head.told() == [("machines_join", "join_refused")] * 5
        house.steady += 61
        await head.joined("tower")

    house.tell(story)


def test_requests_that_are_none_are_refused_and_use_nothing_up(house: House) -> None:
    async def story(head: Head) -> None:
        line = await head.line()
        tls = await asyncio.to_thread(stranger, head.members.authority.pem)
        good = request_of("tower")
        bad = (b"", b"[]", b"{", good.model_copy(update={"request": "-----BEGIN X-----"}),
               good.model_copy(update={"name": "Tower!"}), good.model_copy(update={"addresses": ()}))  # fmt: skip
        for body in bad:
            status, said = await post(house.port, "/join", body, tls=tls, token=line.token)
            assert status == 422, said
        for token in ("", "x", "x" * 4000):
            assert await refusal(head, "tower", token) == "join_refused"
        await Machine(house, "tower").join(line)

    house.tell(story)


def test_machine_whose_clock_is_far_behind_is_told_that_it_is_the_clock(tmp_path: Path) -> None:
    house = House(tmp_path, wall=time.time() + 3 * 86_400)

    async def story(head: Head) -> None:
        with pytest.raises(ClusterError, match="clock behind") as refused:
            await Machine(house, "tower").join(await head.line())
        assert refused.value.code == "head_away"

    house.tell(story)


def test_damaged_list_of_revoked_certificates_does_not_stop_the_head(house: House) -> None:
    async def story(head: Head) -> None:
        await head.joined("tower")
        await head.fleet.remove("tower")

    house.tell(story)
    (house.files.store / "revoked.crl").write_text("rubbish")

    async def later(head: Head) -> None:
        await head.joined("attic")
        assert await asyncio.to_thread(Store(house.files.store).revoked_number) == 2

    house.tell(later)
