"""The accounts room from nothing: tables brought up to date, keys and the first user made."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai.accounts.first import ensure_admin
from cluster_ai.accounts.making import Enrolment, People, load_seal, make
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.service import Accounts, Times
from cluster_ai.accounts.tokens import SigningKeys
from cluster_ai.accounts.types import Lifetimes, User
from cluster_ai.core.db import Database, OnFatal, open_database
from cluster_ai.core.migrate import upgrade

__all__ = ["Accounts", "Enrolment", "People", "Vault", "VaultConfig", "open_vault"]


@dataclass(frozen=True, slots=True)
class Vault:
    """An open accounts room, and the database it stands on."""

    accounts: Accounts
    people: People
    enrolment: Enrolment
    database: Database
    admin: User


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """``secrets`` is the folder of keys and first passwords; ``env`` the process's environment."""

    url: str
    secrets: Path
    lifetimes: Lifetimes
    times: Times
    on_fatal: OnFatal
    env: Mapping[str, str] = field(default_factory=dict)
    passwords: Passwords = field(default_factory=Passwords)


@asynccontextmanager
async def open_vault(config: VaultConfig) -> AsyncIterator[Vault]:
    """Opens all of it and closes the database at the end.

    Raises:
        DatabaseUnavailable, DatabaseNewer: the tables cannot be used.
        Misconfigured: a key or password file holds something else.
    """
    await asyncio.to_thread(upgrade, config.url)
    keys, seal = SigningKeys.load(config.secrets), load_seal(config.secrets)
    async with open_database(config.url, on_fatal=config.on_fatal) as database:
        admin = await ensure_admin(
            database, folder=config.secrets, env=config.env, times=config.times, passwords=config.passwords
        )
        made = make(database, seal, times=config.times, passwords=config.passwords)
        accounts = Accounts(
            database, keys=keys, lifetimes=config.lifetimes, times=config.times, prover=made.prover
        )  # fmt: skip
        yield Vault(accounts, made.people, made.enrolment, database, admin)
