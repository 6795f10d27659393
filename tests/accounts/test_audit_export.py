"""The audit log narrowed to what is asked for, and all of it taken away to be checked elsewhere."""

import json

import pytest

from cluster_ai.accounts.audit import PAGE, Deed, check_export
from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.types import AuditBroken, AuditFilter
from cluster_ai.core.errors import InvalidInput
from tests.accounts.house import House


async def fill(vault: Vault, house: House) -> None:
    for number, (actor, action, subject) in enumerate(
        [("ana", "create_key", "Script"), ("bo", "create_key", "100%"), ("ana", "reboot", "tower_1"), ("bo", "x", "")]
    ):
        house.now = 1_800_000_000.0 + number
        await vault.accounts.audit.record(Deed(actor=actor, action=action, subject=subject))


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [4, 3, 2, 1]),
        ({"actor": "ana"}, [3, 1]),
        ({"action": "create_key"}, [2, 1]),
        ({"subject": "script"}, [1]),
        ({"subject": "%"}, [2]),
        ({"subject": "_"}, [3]),
        ({"since": 1_800_000_001.0}, [4, 3, 2]),
        ({"until": 1_800_000_001.0}, [1]),
        ({"actor": "ana", "action": "create_key"}, [1]),
        ({"actor": "' OR 1=1 --"}, []),
    ],
)
def test_only_what_meets_all_of_it_is_shown(house: House, wanted: dict[str, object], numbers: list[int]) -> None:
    async def story(vault: Vault) -> None:
        await fill(vault, house)
        found = await vault.accounts.audit.page(AuditFilter.model_validate(wanted))
        assert [entry.number for entry in found] == numbers

    house.tell(story)


async def exported(vault: Vault) -> list[dict[str, object]]:
    whole = b"".join([part async for part in vault.accounts.audit.exported()])
    return [json.loads(line) for line in whole.splitlines()]


def test_export_is_whole_over_several_pages_and_says_how_it_ends(house: House) -> None:
    async def story(vault: Vault) -> None:
        assert check_export(await exported(vault)) == (0, "")
        async with vault.database.transaction() as connection:
            for number in range(PAGE + 2):
                await vault.accounts.audit.add(connection, Deed(actor="ana", action="x", subject=str(number)))
        lines = await exported(vault)
        assert len(lines) == PAGE + 3
        assert check_export(lines) == await vault.accounts.audit.verify() == (PAGE + 2, lines[-2]["hash"])

    house.tell(story)


def test_export_that_was_changed_is_noticed_without_the_cluster(house: House) -> None:
    async def story(vault: Vault) -> None:
        await fill(vault, house)
        lines = await exported(vault)
        for forged in (
            [*lines[:1], {**lines[1], "actor": "nobody"}, *lines[2:]],
            [*lines[:1], *lines[2:]],
            lines[:-1],
            [*lines[:-2], lines[-1]],
            [lines[1], lines[0], *lines[2:]],
            [*lines, lines[0]],
            [],
        ):
            with pytest.raises(AuditBroken):
                check_export(forged)
        with pytest.raises(InvalidInput):
            check_export([{"number": 1}])

    house.tell(story)
