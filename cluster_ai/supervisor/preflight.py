"""What must be so before anything is started. Everything wrong is found in one go."""

import errno
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.errors import Conflict, Forbidden, Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.core.processes import port_owner
from cluster_ai.supervisor.types import PartSpec

LEAST_FREE_BYTES: Final = 200 * 1024 * 1024
HOST: Final = "127.0.0.1"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class PortInUse(Conflict):
    """Another program listens on a port that a part needs."""

    code = "port_taken"


class NoSpace(Unavailable):
    """Too little is free where the data directory lies."""

    code = "no_space"


class NotWritable(Forbidden):
    """The data directory cannot be made or written."""

    code = "home_not_writable"


@dataclass(frozen=True, slots=True)
class TakenPort:
    """``owner`` is empty when the system does not tell."""

    port: int
    part: str
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.port} ({self.part}) is used by {self.owner or 'another program'}"


def refuse(home: Home, specs: Iterable[PartSpec], *, least_free: int = LEAST_FREE_BYTES) -> None:
    """Lets only a start through that can work.

    Raises:
        NotWritable, NoSpace, PortInUse: in that order, with what to do.
    """
    refuse_home(home)
    refuse_full_disk(home, least_free=least_free)
    refuse_ports(specs)


def refuse_home(home: Home) -> None:
    """Makes the data directory and tries it.

    Raises:
        NotWritable: it cannot be made or written.
    """
    try:
        home.make()
        with tempfile.TemporaryFile(dir=home.run):
            pass
    except OSError as exc:
        if exc.errno in _FULL:
            raise NoSpace(f"the disk that holds {home.root} is full", hint="free some space") from exc
        raise NotWritable(
            f"the data directory {home.root} cannot be used: {exc.strerror}",
            hint="set CLUSTER_AI_HOME to a directory that you may write",
        ) from exc


def refuse_full_disk(home: Home, *, least_free: int) -> None:
    """Looks at the disk that holds the data directory.

    Raises:
        NoSpace: less than ``least_free`` bytes are free on it.
    """
    free = shutil.disk_usage(home.root).free
    if free < least_free:
        raise NoSpace(
            f"only {free >> 20} MiB are free on the disk that holds {home.root}; {least_free >> 20} MiB are needed",
            hint="free some space, or set CLUSTER_AI_HOME to another disk",
        )


def refuse_ports(specs: Iterable[PartSpec]) -> None:
    """Looks at every port of ``specs``.

    Raises:
        PortInUse: some are taken; names each, its part and, where the system tells, who has it.
    """
    taken = [TakenPort(found.port, found.part, port_owner(found.port)) for found in taken_ports(specs)]
    if taken:
        word = "port" if len(taken) == 1 else "ports"
        raise PortInUse(
            f"{word} {', '.join(map(str, taken))}",
            hint="stop that program, or start on other ports: --port-base 21000",
        )


def taken_ports(specs: Iterable[PartSpec]) -> Iterator[TakenPort]:
    """Each port that cannot be listened on now."""
    seen = set()
    for spec in specs:
        host = spec.listens[0] if spec.listens else next((probe.host for probe in spec.probes), HOST)
        for port in spec.ports:
            # Several parts may share one; the first of them stands for all.
            if port not in seen and not _is_free(host, port):
                yield TakenPort(port, spec.name)
            seen.add(port)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        # As the parts do it: a port whose last user left a moment ago is free.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except OSError:
            return False
    return True
