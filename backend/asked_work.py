"""What routes of plans and tickets have in common: whose things a caller reaches, and how a caller saw them."""

import re
from typing import Annotated, Final

from fastapi import Header, Path
from pydantic import StringConstraints

from backend.caller import Caller
from cluster_ai.core.errors import Forbidden, InvalidInput
from cluster_ai.core.principals import Role
from cluster_ai.plans.consenting import MENDING, is_mending
from cluster_ai.plans.types import Key, NewPlan

ThisPlan = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
ThisTicket = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
Cursor = Annotated[str, StringConstraints(max_length=36, pattern=r"^[0-9a-f-]*$")]
IdempotencyKey = Annotated[Key | None, Header(alias="Idempotency-Key")]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=64)]
_ALL: Final = (Role.OPERATOR, Role.ADMIN)
_ETAG: Final = re.compile(r'"(?P<revision>\d{1,9})"')


def owner_of(caller: Caller) -> str:
    """Whose what a caller submits is."""
    return caller.principal.name


def reach(caller: Caller) -> str | None:
    """Whose things a caller sees and changes; None: everybody's."""
    return None if caller.principal.role in _ALL else caller.principal.name


def refuse_mending(wanted: NewPlan, caller: Caller) -> None:
    """Freezes let through what mends; whether something does is not for its owner to say.

    Raises:
        Forbidden: a user says so.
    """
    if caller.principal.role not in _ALL and any(is_mending(ticket.metadata) for ticket in wanted.tickets):
        raise Forbidden(
            f"only operators may say of work that it mends (metadata {MENDING})", hint="ask one to hand the plan in"
        )


def seen(if_match: str | None) -> int | None:
    """The revision that the caller saw; None when they did not say, or do not mind.

    Raises:
        InvalidInput: that is no entity tag of ours.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInput("that is no ETag of this API", path="If-Match", hint="send the ETag that came with the GET")
    return int(found["revision"])


def etag(revision: int) -> str:
    return f'"{revision}"'
