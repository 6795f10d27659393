"""Machines as the database has them. Times in Unix seconds."""

from dataclasses import dataclass

from cluster_ai.nodes.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Machine:
    """One that has joined. ``serial``: of its certificate, hexadecimal; ``seen_at``: of a heartbeat now and then."""

    id: str
    name: str
    machine_id: str
    joined_at: float
    joined_by: str
    serial: str
    certificate_until: float
    addresses: tuple[str, ...]
    port: int
    inventory: Inventory
    labels: tuple[str, ...] = ()
    cordoned: bool = False
    draining: bool = False
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Token:
    """A join line that was made; its secret is nowhere."""

    id: str
    digest: str
    made_at: float
    made_by: str
    expires_at: float
    labels: tuple[str, ...] = ()
    used_at: float | None = None
    used_by: str = ""
    revoked_at: float | None = None

    def why_not(self, now: float) -> str:
        """Why nobody can join by it any more; empty when somebody can."""
        if self.revoked_at is not None:
            return "revoked"
        if self.used_at is not None:
            return "used"
        return "expired" if self.expires_at <= now else ""


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """Something that a machine is to do once."""

    id: str
    machine_id: str
    verb: str
    argument: str
    given_at: float
    given_by: str
    done_at: float | None = None
    error: str = ""
