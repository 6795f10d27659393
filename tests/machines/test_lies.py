"""Machines that have joined, and tell what cannot be true or what nobody could use."""

import itertools
import time
from dataclasses import replace

import pytest
from pydantic import ValidationError

from backend.machines.enlisting import Enlisting
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.records import Machine as Record
from cluster_ai.nodes.types import Done, LocalModel, LocalService, RenewRequest
from cluster_ai.pki.requests import new_key, request_for
from cluster_ai.registry.service import Means, Registry
from cluster_ai.registry.types import Query
from tests.machines.house import Head, House, Machine, post, request_of

ENGINE = LocalService(kind="ollama", name="ollama", port=11434)
STRANGE = ("two words", "x\x1b[2J", "\u202egnp.exe", "-flag", "", "é" * 100, "a" * 250)


def enlisting_of(head: Head) -> Registry:
    ids = itertools.count()
    registry = Registry(Means(lambda: head.house.steady, time.time, lambda: f"instance-{next(ids):016}"))
    listed = Enlisting(registry, 5.0)
    head.fleet.told.append(listed.told)
    head.fleet.gone.append(listed.gone)
    return registry


@pytest.mark.parametrize("word", STRANGE)
def test_words_that_the_registry_does_not_take_cost_no_report_and_no_verb(house: House, word: str) -> None:
    async def story(head: Head) -> None:
        registry = enlisting_of(head)
        tower = await head.joined("tower")
        models = (LocalModel(name=word), LocalModel(name="smollm2:135m", loaded=True))
        made = Inventory(hostname="tower", architecture=word)
        await tower.send(inventory=made, services=(ENGINE,), models=models)
        await head.fleet.change("tower", _cordoned)
        found = {instance.kind: instance.capabilities for instance in registry.list(Query())}
        assert {"ollama-api", "model:smollm2:135m", "loaded:smollm2:135m"} <= found["engine"]
        assert found["machine"] <= {f"arch:{word}"}

    house.tell(story)


@pytest.mark.parametrize(
    "said",
    [
        "a..b",
        "x" * 64,
        f"a.{'b' * 70}.c",
        "-oProxyCommand=x",
        "tower lan",
        "fe80::1%eth0",
        "1.2.3.4/0",
        ".",
        "",
        "a.-b",
    ],
)
def test_what_can_be_no_address_is_none(said: str) -> None:
    with pytest.raises(ValidationError, match="addresses"):
        request_of("tower", addresses=(said,))


@pytest.mark.parametrize(
    "said", ["tower", "tower.lan", "tower.lan.", "10.0.0.1", "::1", "fd00:0:0::7", "xn--bcher-kva.lan"]
)
def test_what_is_an_address_is_taken(said: str) -> None:
    assert request_of("tower", addresses=(said,)).addresses == (said,)


def test_more_words_than_the_registry_takes_cost_no_report(house: House) -> None:
    async def story(head: Head) -> None:
        registry = enlisting_of(head)
        tower = Machine(house, "tower")
        line = await head.line(labels=tuple(f"of-the-line-{number}" for number in range(64)))
        own = tuple(f"of-its-own-{number}" for number in range(64))
        said = request_of("tower", labels=own)
        joined = await head.fleet.join(said, line.token)
        models = tuple(LocalModel(name=f"m{number}", loaded=True) for number in range(300))
        await head.fleet.heard(tower.beat(node_id=joined.machine.id, services=(ENGINE,), models=models))
        for instance in registry.list(Query()):
            assert all(label.startswith("of-the-line-") for label in instance.labels)
            assert len(instance.labels) == 64
        assert len(joined.machine.labels) == 64, "what people may set, and no more"

    house.tell(story)


def test_clock_of_the_head_that_was_set_back_stops_no_storing(house: House) -> None:
    async def story(head: Head) -> None:
        tower = await head.joined("tower")
        house.wall -= 86_400
        await tower.send()
        assert (await head.fleet.machines.get(name="tower")).seen_at == house.wall

    house.tell(story)


def test_order_of_another_machine_is_not_ended_by_this_one(house: House) -> None:
    async def story(head: Head) -> None:
        tower, attic = await head.joined("tower"), await head.joined("attic")
        order = await head.fleet.order("attic", "reboot", by="owner")
        await tower.send(done=(Done(order=order.id, error="no"), Done(order="of nobody")))
        (still,) = (await attic.send()).wanted.orders
        assert still.id == order.id
        (last,) = await head.fleet.machines.last_orders(attic.id)
        assert (last.done_at, last.error) == (None, "")

    house.tell(story)


def test_machine_that_renews_without_end_fills_no_list_of_revoked_ones(house: House) -> None:
    async def story(head: Head) -> None:
        tower, attic = await head.joined("tower"), await head.joined("attic")
        renewals = [RenewRequest(request=request_for(new_key(), "x")) for _ in range(30)]
        context = await tower.context()
        answers = [await post(house.port, "/renew", one, tls=context) for one in renewals]
        assert [status for status, _ in answers[:10]] == [200] * 10
        assert (answers[-1][0], answers[-1][1]["code"]) == (503, "too_many_certificates")
        assert (await post(house.port, "/renew", renewals[0], tls=await attic.context()))[0] == 200, "others may"
        house.wall += 86_400
        assert (await post(house.port, "/renew", renewals[0], tls=context))[0] == 200, "the next day is another"
        await head.fleet.remove("tower")
        assert len((await head.fleet.machines.revocation_list()).serials) < 20

    house.tell(story)


def test_what_proves_that_a_machine_is_the_one_that_was_here_is_shown_to_nobody(house: House) -> None:
    async def story(head: Head) -> None:
        tower = await head.joined("tower")
        await tower.send(inventory=tower.inventory)
        known = head.fleet.named("tower")
        assert known.machine.inventory.machine_id == tower.hardware
        assert tower.hardware not in head.fleet.view(known).model_dump_json()

    house.tell(story)


def _cordoned(machine: Record) -> Record:
    return replace(machine, cordoned=True)
