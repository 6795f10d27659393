"""Words of the keys room. Pure. Times are Unix seconds, days are UTC as ``YYYY-MM-DD``."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from cluster_ai.core.errors import Conflict, Forbidden, Unauthenticated, Unavailable
from cluster_ai.core.wire import Count, StrictModel, Text, View


class Priority(IntEnum):
    """Whose calls go first when there is a queue; smaller first."""

    INTERACTIVE = 0
    NORMAL = 1
    BACKGROUND = 2
    BATCH = 3


PriorityName = Literal["interactive", "normal", "background", "batch"]
ScopeName = Literal["models:use", "models:write"]
AnonymousMode = Literal["off", "inference", "full"]


class LimitReached(Unavailable):
    """The key has used up what it may in this minute or day."""

    code = "limit_reached"


class KeyRequired(Unauthenticated):
    """The gateway wants a key from this caller, and none came."""

    code = "key_required"


class KeyRefused(Unauthenticated):
    """The key is unknown, revoked or expired, or two different keys came at once."""

    code = "key_refused"


class KeyUnknown(KeyRefused):
    """Nobody has that key, as far as the keys were read: it may be younger than that."""


class KeysUnavailable(Unavailable):
    """The gateway has not been able to read the keys yet, so it cannot tell whether this one is good."""

    code = "keys_unavailable"


class ScopeMissing(Forbidden):
    """The key does not reach what was asked for."""

    code = "scope_missing"


class ModelNotAllowed(Forbidden):
    """The key may not use this model."""

    code = "model_not_allowed"


class KeyExists(Conflict):
    """Its owner has an active key of that name already."""

    code = "key_exists"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call at the gateway, as checked once at its door."""

    key_id: str
    """Empty for a caller without a key."""
    name: str
    scopes: frozenset[str]
    models: tuple[str, ...] = ()
    """Patterns of the models allowed (``*`` and ``?``); empty means all."""
    priority: Priority = Priority.NORMAL
    resume: bool = False
    """A stream whose node dies goes on from another."""
    hedge: bool = False
    """A short call that takes unusually long is also given to a second node; the first to answer wins."""


INFERENCE: Final = "models:use"
MANAGE: Final = "models:write"

ANONYMOUS: Final = Caller("", "anonymous", frozenset({INFERENCE, MANAGE}))
"""A caller on this machine without a key, where the configuration lets those in."""

LOCAL: Final = Caller("local", "local", frozenset({INFERENCE, MANAGE}), priority=Priority.INTERACTIVE)
"""Our own processes, which show the internal token."""

MOST: Final = 10**15
"""Largest limit: exact in every number that it passes through (Lua counts in doubles)."""

Allowance = Annotated[int, Field(ge=0, le=MOST)]
"""How many in a window; 0 means no limit."""


class Limits(View):
    """What a key may use in a minute and in a day of UTC. 0 means no limit."""

    requests_per_minute: Allowance = 0
    requests_per_day: Allowance = 0
    tokens_per_minute: Allowance = 0
    """Of the prompt and of the answer together."""
    tokens_per_day: Allowance = 0


class LimitsWanted(StrictModel):
    """``Limits`` as they are asked for."""

    requests_per_minute: Allowance = 0
    requests_per_day: Allowance = 0
    tokens_per_minute: Allowance = 0
    tokens_per_day: Allowance = 0


KeyName = Annotated[Text, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Pattern = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9*?][A-Za-z0-9._:/@*?-]*$")
]
"""A model's name, in which ``*`` stands for any text and ``?`` for one character."""


class NewKey(StrictModel):
    """A key as it is asked for."""

    name: KeyName
    owner: Annotated[Text, StringConstraints(max_length=64)] = ""
    """Name of the user it belongs to; its maker's own when empty."""
    scopes: list[ScopeName] = Field(default=["models:use"], min_length=1, max_length=8)
    models: list[Pattern] = Field(default_factory=list, max_length=64)
    """Only these; all when empty."""
    limits: LimitsWanted = LimitsWanted()
    priority: PriorityName = "normal"
    resume: bool = False
    hedge: bool = False
    expires_at: float | None = Field(default=None, gt=0, le=1e11)
    """Never when None."""


class KeyChanges(StrictModel):
    """What is to be different; a field that does not come stays as it is."""

    name: KeyName = "-"
    scopes: list[ScopeName] = Field(default=["models:use"], min_length=1, max_length=8)
    models: list[Pattern] = Field(default_factory=list, max_length=64)
    limits: LimitsWanted = LimitsWanted()
    priority: PriorityName = "normal"
    resume: bool = False
    hedge: bool = False
    expires_at: float | None = Field(default=None, gt=0, le=1e11)


class KeyState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyView(View):
    """A key as people see it; its secret is known to nobody but its holder."""

    id: str
    name: str
    prefix: str
    """The first characters of the secret, such as ``cai_ab12cd34``."""
    owner: str = ""
    """Name of the user; empty for a key of the machine's own."""
    state: KeyState
    scopes: tuple[str, ...]
    models: tuple[str, ...] = ()
    limits: Limits = Limits()
    priority: PriorityName
    resume: bool = False
    hedge: bool = False
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None


class MadeKey(View):
    """A new key. ``secret`` is told this once and stored nowhere."""

    key: KeyView
    secret: str


UsageBy = Literal["key", "user", "model", "node", "day"]


class UsageRow(View):
    """What was used by one key, user, model, node or day."""

    id: str
    """The key's or user's id; else the name again. Empty for callers without a key."""
    name: str
    requests: Count = 0
    errors: Count = 0
    prompt_tokens: Count = 0
    output_tokens: Count = 0
