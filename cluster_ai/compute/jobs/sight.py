"""Which workers can do a job at all: those that see the same files, or reach the same gateway."""

import asyncio
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
from distributed import Client

from cluster_ai.compute.jobs.session import SchedulerLost
from cluster_ai.core.addresses import is_loopback
from cluster_ai.core.errors import Unavailable

LOOK_SECONDS: Final = 10.0
NEAR_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.5
Look = tuple[int, int, bool]
"""Size, time of the last change in nanoseconds, and whether it is a folder: what is the same when it is the same."""


def look(path: str) -> Look | None:
    """At ``path`` on the machine where this runs; None when it is not there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return (0 if Path(path).is_dir() else found.st_size), found.st_mtime_ns, Path(path).is_dir()


async def who_sees(client: Client, path: Path) -> tuple[list[str] | None, tuple[str, ...]]:
    """Addresses of the workers that see what we see at ``path``, and the names of those that do not.

    None instead of addresses: all of them do.

    Raises:
        Unavailable: nobody does.
        SchedulerLost: it went away meanwhile.
    """
    own = await asyncio.to_thread(look, str(path))
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            said = await client.run(look, str(path), on_error="return")
    except TimeoutError as exc:
        raise Unavailable(f"some worker did not say within {LOOK_SECONDS:.0f} s whether it sees {path}") from exc
    seeing = [address for address, seen in said.items() if _same(seen, own)]
    if not seeing:
        raise Unavailable(f"no worker sees the same at {path}", hint="put it where the workers see it, too")
    names = {address: str(worker["name"]) for address, worker in (await _workers(client)).items()}
    apart = tuple(sorted(names.get(address, address) for address in said if address not in seeing))
    return (seeing if apart else None), apart


async def near(client: Client, gateway: str) -> list[str] | None:
    """Hosts whose workers reach ``gateway``; None: all do. What listens on loopback is there for this machine alone.

    Raises:
        Unavailable: none of the workers is on this machine, nor comes in the next seconds.
        SchedulerLost: it went away meanwhile.
    """
    if not is_loopback(urlsplit(gateway).hostname or ""):
        return None
    end = asyncio.get_running_loop().time() + NEAR_SECONDS
    while True:
        hosts = {str(worker["host"]) for worker in (await _workers(client)).values()}
        if found := sorted(filter(_is_here, hosts)):
            return found if len(found) < len(hosts) else None
        if asyncio.get_running_loop().time() >= end:
            raise Unavailable(
                f"no worker of this machine reaches the gateway at {gateway}",
                hint="set [compute] workers to 1 or more here, or let the gateway listen in the LAN",
            )
        # After a restart of the scheduler, those of other machines may be quicker than ours.
        await asyncio.sleep(PAUSE_SECONDS)


async def _workers(client: Client) -> dict[str, Any]:
    # Not ``scheduler_info``: a client that is not blocking answers it from memory, and leaves the workers out there.
    try:
        told: dict[str, Any] = await client.scheduler.identity(n_workers=-1)  # type: ignore[union-attr]
    except OSError as exc:
        raise SchedulerLost("the scheduler went away") from exc
    found: dict[str, Any] = told["workers"]
    return found


def _same(seen: object, own: Look | None) -> bool:
    # Answers come as lists when they travelled in plain values.
    return isinstance(seen, tuple | list) and own is not None and tuple(seen) == own


def _is_here(host: str) -> bool:
    if is_loopback(host):
        return True
    return any(host == one.address for addresses in psutil.net_if_addrs().values() for one in addresses)
