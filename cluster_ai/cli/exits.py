"""Exit codes; explained in ``docs/reference/exit-codes.md``."""

from enum import IntEnum
from typing import Final, NoReturn

from cluster_ai.core import errors
from cluster_ai.core.errors import ClusterError


class Exit(IntEnum):
    """How a verb ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    FORBIDDEN = 4
    UNREACHABLE = 5
    REFUSED = 6
    DEGRADED = 7
    PARTIAL = 8
    NO_SPACE = 9
    ROLLED_BACK = 11
    INTERRUPTED = 130


PORT_TAKEN: Final = Exit.PARTIAL
"""Of a start only, which is never partial."""

_BY_CODE: Final = {
    "port_taken": PORT_TAKEN,
    "no_space": Exit.NO_SPACE,
    "update_rolled_back": Exit.ROLLED_BACK,
    "database_full": Exit.NO_SPACE,
    "frozen": Exit.REFUSED,
    "registry_refused": Exit.REFUSED,
    "pull_refused": Exit.REFUSED,
    "node_failed": Exit.ERROR,
    "weak_password": Exit.REFUSED,
    "target_refused": Exit.REFUSED,
    "node_cannot_manage_models": Exit.REFUSED,
}
_BY_KIND: Final[tuple[tuple[type[ClusterError], Exit], ...]] = (
    (errors.InvalidInput, Exit.USAGE),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.Unauthenticated, Exit.FORBIDDEN),
    (errors.Forbidden, Exit.FORBIDDEN),
    (errors.Unavailable, Exit.UNREACHABLE),
    (errors.Unsupported, Exit.REFUSED),
)


class Leave(Exception):
    """Ends the run with a code, when everything there is to say was said."""

    def __init__(self, code: Exit | int) -> None:
        super().__init__(int(code))
        self.code = int(code)


def code_of(error: ClusterError) -> Exit:
    """The exit code that an error stands for; the finest that is known of it."""
    if (known := _BY_CODE.get(error.code)) is not None:
        return known
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), Exit.ERROR)


def leave(code: Exit | int) -> NoReturn:
    """Ends the run with ``code``."""
    raise Leave(code)
