"""What the accounts room is made of, put together on an open database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.accounts.audit import Audit
from cluster_ai.accounts.enrolment import Enrolment
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.people import People
from cluster_ai.accounts.proving import Prover, Times
from cluster_ai.accounts.second_factor import SecondFactors
from cluster_ai.core.db import Database
from cluster_ai.core.sealing import Seal

__all__ = ["Enrolment", "Made", "People", "load_seal", "make"]

KEY: Final = "second-factors.key"


@dataclass(frozen=True, slots=True)
class Made:
    """All that stands on one database."""

    prover: Prover
    people: People
    enrolment: Enrolment


def load_seal(folder: Path) -> Seal:
    """What seals the secrets of second factors, by the key in ``folder``; made there when there is none.

    Raises:
        Misconfigured: the file holds something else.
    """
    return Seal.at(
        folder / KEY, remove="every second factor", again="reset it: cluster-ai auth user reset-second-factor"
    )  # fmt: skip


def make(database: Database, seal: Seal, *, times: Times, passwords: Passwords) -> Made:
    """Everything but the sessions."""
    audit = Audit(database, now=times.now)
    factors = SecondFactors(database, seal=seal, audit=audit, now=times.now)
    prover = Prover(database, audit=audit, times=times, passwords=passwords, factors=factors)
    people = People(database, audit=audit, times=times, passwords=passwords)
    return Made(prover, people, Enrolment(prover))
