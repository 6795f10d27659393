"""What the keys room stores, as its parts hand it on. Pure: gateways read it without carrying SQL while they start."""

from dataclasses import dataclass

from cluster_ai.keys.types import Limits, Priority


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored, without its digest."""

    id: str
    name: str
    owner_id: str | None
    prefix: str
    scopes: tuple[str, ...]
    models: tuple[str, ...]
    limits: Limits
    priority: Priority
    resume: bool
    hedge: bool
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What was used on one day (UTC) by one key of one model on one node."""

    key_id: str
    model: str
    node: str
    day: str
    requests: int
    errors: int
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Span:
    """Which usage is looked at: days from and to (both with), and whose (None: everybody's)."""

    first: str = ""
    last: str = "9999-12-31"
    owner_id: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Tokens of the answers that one node wrote on one day (UTC)."""

    node: str
    day: str
    tokens: int
