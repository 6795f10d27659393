"""What lies in the database, opened together: accounts, API keys, machines, and the log of the gateway's calls."""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from backend.database_check import DatabaseCheck
from backend.machines.config import MembersConfig
from backend.machines.members import Consent, Members, always, open_members
from cluster_ai.accounts.opening import Accounts, Enrolment, People, VaultConfig, open_vault
from cluster_ai.core.db import Database
from cluster_ai.eventlog.service import EventLog
from cluster_ai.gateway.watching.request_store import RequestStore
from cluster_ai.keys.service import Chance, Keys

__all__ = ["Accounts", "Rooms", "open_rooms"]


@dataclass(frozen=True, slots=True)
class Rooms:
    """Each owns its tables. ``password_chosen``: whether the admin had one of their own at the start."""

    accounts: Accounts
    people: People
    enrolment: Enrolment
    requests: RequestStore
    keys: Keys
    members: Members
    check: DatabaseCheck
    password_chosen: bool
    database: Database
    events: EventLog


@asynccontextmanager
async def open_rooms(config: VaultConfig, machines: MembersConfig, consent: Consent = always) -> AsyncIterator[Rooms]:
    """Opens the database once for all of them.

    Raises:
        DatabaseUnavailable, DatabaseNewer: the tables cannot be used.
        Misconfigured: a key or password file holds something else.
    """
    async with open_vault(config) as vault:
        check = DatabaseCheck(vault.database, now=config.times.now, clock=time.monotonic)
        chance = Chance(now=config.times.now, new_id=config.times.new_id, random=secrets.token_bytes)
        keys = Keys(vault.database, chance=chance)
        members = await open_members(vault.database, machines, times=config.times, consent=consent)
        requests = RequestStore(vault.database)
        events = EventLog(vault.database, now=config.times.now)
        async with events.running():
            yield Rooms(
                vault.accounts,
                vault.people,
                vault.enrolment,
                requests,
                keys,
                members,
                check,
                vault.admin.password_chosen,
                vault.database,
                events,
            )
