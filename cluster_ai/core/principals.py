"""Who is calling, and what they may do. The table route x scope x role stands in ``backend/policy.py``."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from cluster_ai.core.wire import View

Scope = Annotated[str, StringConstraints(pattern=r"^[a-z]+:[a-z]+$")]


class Role(StrEnum):
    """Each role has every right of the roles before it, except ``machine``, which stands alone."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"
    MACHINE = "machine"


class Channel(StrEnum):
    """How a caller proved who they are."""

    LOCAL = "local"
    """The internal token, which only this user's processes on this machine can read."""
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the word, not a secret
    CERTIFICATE = "certificate"
    """A machine's, which TLS has checked."""


class Principal(View):
    """A caller whose credentials were checked."""

    id: str
    name: str
    role: Role
    channel: Channel
    scopes: frozenset[Scope] = frozenset()
    """Narrows the role when not empty (a token may do less than its owner)."""
