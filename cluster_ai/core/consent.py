"""Whether something risky may be done now: asked inside the unit of work that does it.

Who acts (a pull, a drain, a deployment) does not know what forbids it. It is given a ``Consent`` and asks; the room
that knows (objectives and their freezes) answers from the same unit of work, so that a freeze and a deed cannot pass
each other unseen.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cluster_ai.core.errors import Conflict

if TYPE_CHECKING:
    # The gateway knows these words, and carries no SQL in memory.
    from sqlalchemy.ext.asyncio import AsyncConnection


class Action(StrEnum):
    """What can be forbidden."""

    DEPLOY = "BLOCK_DEPLOY"
    SCALE = "BLOCK_SCALE"
    PULL = "BLOCK_PULL"
    UPDATE = "BLOCK_UPDATE"


class Frozen(Conflict):
    """A freeze forbids it. ``values``: ``freeze``, ``slo``, ``remaining``, ``until``; 409 on the wire, exit code 6."""

    code = "frozen"


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody is about to do. ``scope``: ``service``, ``group``, ``kind``, ``node``, ``model``, as far as known.

    ``is_mending``: a rollback, a security fix, a replica that was lost: never refused.
    """

    action: Action
    subject: str
    scope: Mapping[str, str] = field(default_factory=dict)
    is_mending: bool = False


Consent = Callable[["AsyncConnection", Deed], Awaitable[None]]
"""Returns when the deed may go on.

Raises:
    Frozen: it may not, with the reason.
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is forbidden at one moment, to be asked about any number of deeds without the database.

    It allows nothing: who acts asks its ``Consent``. ``mark`` is another one as soon as some answer may be another,
    and empty while nothing is forbidden. ``why``: the reason, empty when the deed may go on as far as is known.
    """

    mark: str
    why: Callable[[Deed], str]


Outlooks = Callable[[], Awaitable[Outlook]]
CLEAR: Final = Outlook("", lambda _deed: "")


async def clear() -> Outlook:
    """The outlook where nothing forbids anything."""
    return CLEAR


async def always(_connection: "AsyncConnection", _deed: Deed) -> None:
    """The consent where nothing forbids anything."""
