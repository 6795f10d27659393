"""Which ports take a connection: a few at a time, in no order, and nothing is sent."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

MOST_PORTS: Final = 65_535
USUAL_PORTS: Final = (
    22,  # SSH
    11_434, 11_435, 11_436, 11_437,  # Ollama; our gateway, node and machine
    8000, 8443,  # our API, our machines' door
    9999, 3002, 3003, 12_000, 5000, 5001,  # where agents (A2A) are found
)  # fmt: skip

DEEP_PORTS: Final = tuple(
    dict.fromkeys(
        (
            *USUAL_PORTS,
            *range(1, 1025),
            *range(3000, 3100), *range(4000, 4050), *range(5000, 5100), 5432, 5433, 5601, 5900, 5984, 6333, 6334, 6379,
            *range(7000, 7100), 7860, 7861, 7687, *range(8000, 9100), 9200, 9300, 9418, 9443,
            *range(10_000, 10_010), *range(11_400, 11_500), 11_211, *range(12_000, 12_050), 1234, 1337, 1433, 1521,
            1880, 1883, 2222, 2375, 2379, 3306, 3389, 4317, 5671, 5672, 15_672, 19_530, 27_017, 28_015, 30_000, 50_051,
        )
    )
)  # fmt: skip
"""Where things usually listen, for a long look at one machine. What answers is named by what it says."""

Place = tuple[str, int]


class State(StrEnum):
    """What a port does when it is knocked at."""

    OPEN = "open"
    CLOSED = "closed"
    """Refused: somebody is there."""
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Limits:
    """How gently one looks. Seconds."""

    at_once: int = 64
    seconds: float = 0.4
    per_second: float = 1000.0
    """Places, at most: a small router is held up by more."""


@dataclass(slots=True)
class Pace:
    """When the next may go. Seconds of one clock, which comes in."""

    per_second: float
    _next: float = 0.0

    def wait(self, now: float) -> float:
        """Takes the next turn; answers how long it is until then."""
        at = max(now, self._next)
        self._next = at + 1 / self.per_second
        return at - now


USUAL: Final = Limits()
Told = Callable[[Place, State], None]


def in_no_order(addresses: Sequence[str], ports: Sequence[int], rng: Random) -> list[Place]:
    """Every pair, so mixed that no host is knocked at again and again."""
    places = [(address, port) for address in addresses for port in ports]
    rng.shuffle(places)
    return places


async def sweep(places: Iterable[Place], told: Told, limits: Limits = USUAL) -> None:
    """Knocks at each place once, ``limits.at_once`` of them at a time."""
    rest, pace = iter(places), Pace(limits.per_second)
    async with asyncio.TaskGroup() as group:
        for _ in range(limits.at_once):
            group.create_task(_walk(rest, told, limits.seconds, pace))


async def _walk(rest: Iterator[Place], told: Told, seconds: float, pace: Pace) -> None:
    # All walk over one iterator, so each place is taken by one of them.
    for place in rest:
        if wait := pace.wait(asyncio.get_running_loop().time()):
            await asyncio.sleep(wait)
        told(place, await knock(place, seconds))


async def knock(place: Place, seconds: float) -> State:
    """Whether a TCP connection is taken there."""
    address, port = place
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except ConnectionRefusedError:
            return State.CLOSED
        except OSError:
            # Out of time, no route, nobody at that hardware address: nobody is there.
            return State.SILENT
    return State.OPEN


def ports_of(text: str) -> tuple[int, ...]:
    """``22,80,8000-8100`` as ports, each once.

    Raises:
        ValueError: it is no such list; names the part.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (_is_port(first) and (_is_port(last) if dash else True)):
            raise ValueError(part.strip()[:40])
        low, high = int(first), int(last) if dash else int(first)
        if low > high:
            raise ValueError(part.strip()[:40])
        found.update(dict.fromkeys(range(low, high + 1)))
    return tuple(found)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= MOST_PORTS  # noqa: PLR2004
