"""What the plans room needs of others; they pass it in."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Any, Final

from cluster_ai.core.consent import Consent, always
from cluster_ai.core.db import Database
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.events import Event
from cluster_ai.executors.contract import Check
from cluster_ai.plans.results import Results
from cluster_ai.plans.tokens import TicketKeys

LEASE_SECONDS: Final = 30.0
"""An attempt that says nothing for so long has lost its lease; it should say something three times as often."""


@dataclass(frozen=True, slots=True)
class Trait:
    """What is to be known of a kind of work before it is given away."""

    is_idempotent: bool = False
    can_compensate: bool = False


Traits = Callable[[str], Trait]


def nothing_known(_kind: str) -> Trait:
    """The careful answer: never twice, never undone."""
    return Trait()


Hears = Callable[[str, Mapping[str, Any]], bool]
"""(kind, parameters as they are stored) -> whether such a ticket heeds what a pipeline elsewhere reports."""


def deaf(_kind: str, _parameters: Mapping[str, Any]) -> bool:
    """Where no kind of work waits for anybody elsewhere."""
    return False


Refused = Callable[[Collection[str]], Awaitable[Mapping[str, InvalidInput]]]
"""Addresses that tickets want to be told at -> those that may not be called, and why."""


async def nowhere_refused(_urls: Collection[str]) -> Mapping[str, InvalidInput]:
    """Where nobody is told anything at any address."""
    return {}


def untold(_event: Event) -> None:
    """Where nobody listens in this process."""


def _chance() -> Random:
    return SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """``check`` judges a ticket's parameters; ``consent`` answers whether a deployment may go on; ``tell`` passes on.

    ``now`` answers Unix seconds that never jump, whatever somebody does to the system's clock.
    """

    database: Database
    results: Results
    keys: TicketKeys
    check: Check
    traits: Traits = nothing_known
    hears: Hears = deaf
    refused: Refused = nowhere_refused
    consent: Consent = always
    tell: Callable[[Event], None] = untold
    now: Callable[[], float]
    new_id: Callable[[], str]
    rng: Random = field(default_factory=_chance)
    lease_seconds: float = LEASE_SECONDS
