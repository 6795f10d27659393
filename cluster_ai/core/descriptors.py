"""How many files and connections this process may have open at once."""

import errno
import resource
from typing import Final

from cluster_ai.core.errors import Unavailable

WANTED: Final = 65_536
SPARE: Final = 64
"""For what is no connection: databases, logs, listening sockets."""
FEWEST: Final = 16
_SHORT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class NoneLeft(Unavailable):
    """This process can open no further connection or file: nobody whom it would have asked is at fault."""

    code = "out_of_descriptors"


def is_shortage(exc: BaseException) -> bool:
    """Whether a connection failed for want of something on our own side."""
    return isinstance(exc, OSError) and exc.errno in _SHORT


def raise_limit() -> int:
    """Takes as many file descriptors as the system lets this process have, and no more than it needs.

    Shells begin processes with 1024, which is what programs that use ``select`` can bear; none of ours does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return max(soft, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def most_clients(files: int) -> int:
    """Connections of clients that leave room for as many to whoever answers them.

    A process without a free descriptor cannot ask anybody, and would take that for the fault of those whom it asks.
    """
    return max(FEWEST, (files - SPARE) // 2)
