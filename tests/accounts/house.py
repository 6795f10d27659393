"""An accounts room with a clock and identifiers of the test's own."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster_ai.accounts.opening import Vault, VaultConfig, open_vault
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.service import Attempt, Times
from cluster_ai.accounts.types import Lifetimes

PASSWORD = "correct horse battery"
GOOD = Attempt("admin", PASSWORD, "10.0.0.1")


@dataclass
class House:
    """``now`` is the clock; moving it is the test's business."""

    url: str
    secrets: Path
    now: float = 1_800_000_000.0
    env: dict[str, str] = field(default_factory=dict)
    passwords: Passwords = field(default_factory=lambda: Passwords(rounds=1, memory_kib=64))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Vault]:
        numbers = itertools.count(1)
        times = Times(now=lambda: self.now, new_id=lambda: f"id-{next(numbers)}-{self.now}"[:36])
        lifetimes = Lifetimes(session=3600, idle=600, token=300)
        config = VaultConfig(self.url, self.secrets, lifetimes, times, pytest.fail, self.env, self.passwords)
        async with open_vault(config) as vault:
            yield vault

    def tell(self, story: Callable[[Vault], Awaitable[None]]) -> None:
        async def tell() -> None:
            async with self.opened() as vault:
                await story(vault)

        asyncio.run(tell())
