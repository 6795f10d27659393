"""Every way to falsify the log is noticed, and the first bad entry is named."""

import asyncio
import random

import pytest
from sqlalchemy import text

from cluster_ai.accounts.audit import Deed, chained, check_chain
from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.types import AuditBroken, AuditEntry
from tests.accounts.house import House


def chain(length: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(1, length + 1):
        previous = entries[-1].hash if entries else ""
        deed = Deed(actor="admin", action="sign_in", subject=str(number), address="10.0.0.1")
        entries.append(chained(deed, number=number, previous=previous, now=number + 0.1))
    return entries


def test_whole_chain_passes_in_pieces() -> None:
    entries = chain(30)
    number, last = check_chain(entries[:10])
    assert check_chain(entries[10:], number=number, previous=last) == (30, entries[-1].hash)


def test_a_thousand_falsifications_are_all_noticed() -> None:
    entries, rng = chain(40), random.Random(7)
    fields = ["at", "actor", "action", "subject", "outcome", "address", "previous", "hash", "number"]
    for _ in range(1000):
        where = rng.randrange(1, len(entries) - 1)
        forged = list(entries)
        match rng.choice(["change", "delete", "swap", "insert"]):
            case "change":
                name = rng.choice(fields)
                value = getattr(entries[where], name)
                other = value + 1 if isinstance(value, int | float) else value + "x"
                forged[where] = entries[where].model_copy(update={name: other})
            case "delete":
                del forged[where]
            case "swap":
                forged[where], forged[where + 1] = forged[where + 1], forged[where]
            case "insert":
                forged.insert(where, entries[where])
        with pytest.raises(AuditBroken) as broken:
            check_chain(forged)
        assert f"entry {where + 1}" in broken.value.message or f"entry {where + 2}" in broken.value.message


def test_entries_cut_off_at_the_end_are_noticed_by_the_kept_head() -> None:
    entries = chain(20)
    assert check_chain(entries[:-1]) != (20, entries[-1].hash)


def test_stored_log_is_whole_under_company_and_broken_by_a_hand_in_the_database(house: House) -> None:
    async def story(vault: Vault) -> None:
        audit = vault.accounts.audit
        await asyncio.gather(*(audit.record(Deed(actor="é", action="x", subject=str(n))) for n in range(60)))
        number, head = await audit.verify()
        assert number >= 60
        page = await audit.page(limit=10)
        assert [entry.number for entry in page] == list(range(number, number - 10, -1))
        assert page[0].hash == head
        assert (await audit.page(before=11, limit=100))[0].number == 10
        async with vault.database.transaction() as connection:
            await connection.execute(text("UPDATE audit SET actor = 'somebody else' WHERE number = 7"))
        with pytest.raises(AuditBroken, match="entry 7"):
            await audit.verify()

    house.tell(story)


def test_what_was_whole_a_moment_ago_is_trusted_for_so_long_and_no_longer(house: House) -> None:
    async def story(vault: Vault) -> None:
        audit = vault.accounts.audit
        for number in range(20):
            await audit.record(Deed(actor="a", action="x", subject=str(number)))
        first, _ = await audit.verify()
        async with vault.database.transaction() as connection:
            await connection.execute(text("UPDATE audit SET actor = 'somebody else' WHERE number = 7"))
        await audit.record(Deed(actor="a", action="x"))
        assert (await audit.verify(trust_seconds=60))[0] == first + 1
        house.now += 60
        with pytest.raises(AuditBroken, match="entry 7"):
            await audit.verify(trust_seconds=60)
        # A clock that is set back proves nothing.
        house.now -= 3600
        with pytest.raises(AuditBroken, match="entry 7"):
            await audit.verify(trust_seconds=60)

    house.tell(story)


def test_a_new_entry_is_checked_though_those_before_it_are_trusted(house: House) -> None:
    async def story(vault: Vault) -> None:
        audit = vault.accounts.audit
        await audit.verify()
        await audit.record(Deed(actor="a", action="x"))
        async with vault.database.transaction() as connection:
            await connection.execute(text("UPDATE audit SET action = 'y' WHERE actor = 'a'"))
        with pytest.raises(AuditBroken):
            await audit.verify(trust_seconds=60)

    house.tell(story)
