"""What a freeze keeps people from doing to machines, and what it never keeps them from."""

from dataclasses import replace

import pytest

from cluster_ai.core.consent import Frozen
from cluster_ai.slo import tables
from cluster_ai.slo.held import Held
from cluster_ai.slo.types import FreezePolicy, FreezeView
from tests.machines.house import Head, House


async def freeze(house: House, **more: object) -> None:
    """A freeze that holds, as an evaluation would have stored it."""
    fields = {"name": "f", "scope": "SERVICE", "target": "gateway", "actions": ["BLOCK_SCALE", "BLOCK_UPDATE"]}
    rule = FreezePolicy.model_validate(fields | more)
    now = house.wall
    view = FreezeView(event_id="f1", policy_id="f", slo_id="chat", scope=rule.scope, triggered_at=now, not_before=now)
    async with house.database.transaction() as connection:
        await tables.begin(connection, Held(view, rule))


def test_draining_leaving_and_upgrades_wait_and_everything_else_goes_on(house: House) -> None:
    async def story(head: Head) -> None:
        await head.joined("tower")
        await freeze(house)
        with pytest.raises(Frozen):
            await head.fleet.change("tower", lambda machine: replace(machine, draining=True))
        assert not head.fleet.named("tower").machine.draining
        for verb in ("upgrade", "leave"):
            with pytest.raises(Frozen):
                await head.fleet.order("tower", verb, by="owner")
        assert await head.fleet.machines.open_orders() == ()
        for verb in ("restart", "reboot"):
            await head.fleet.order("tower", verb, by="owner")
        known = await head.fleet.change("tower", lambda machine: replace(machine, labels=("gpu",), cordoned=True))
        assert known.machine.cordoned
        # A certificate may be in wrong hands.
        await head.fleet.remove("tower")

    house.tell(story)


def test_what_drains_already_is_not_asked_again_and_may_come_back(house: House) -> None:
    async def story(head: Head) -> None:
        await head.joined("tower")
        await head.fleet.change("tower", lambda machine: replace(machine, draining=True))
        await freeze(house)
        await head.fleet.change("tower", lambda machine: replace(machine, labels=("gpu",)))
        known = await head.fleet.change("tower", lambda machine: replace(machine, draining=False))
        assert not known.machine.draining

    house.tell(story)


def test_a_group_is_frozen_by_its_label(house: House) -> None:
    async def story(head: Head) -> None:
        await head.joined("tower")
        await head.joined("desk")
        await head.fleet.change("tower", lambda machine: replace(machine, labels=("gpu",)))
        await freeze(house, scope="GROUP", target="gpu")
        with pytest.raises(Frozen):
            await head.fleet.change("tower", lambda machine: replace(machine, draining=True))
        await head.fleet.change("desk", lambda machine: replace(machine, draining=True))

    house.tell(story)
