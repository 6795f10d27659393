"""The process that does orders, one after the other: ``python -m cluster_ai.executors.child``. See ``contract.py``."""

import json
import os
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.processes import adopt_orphans, tie_to_parent
from cluster_ai.executors.attempt import attempted, told
from cluster_ai.executors.granted import own_settings, prepare
from cluster_ai.executors.machine import Machine
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.speaking import Speaker
from cluster_ai.executors.stopping import Stop

__all__ = ["main", "prepare"]

_KIB: Final = 1024
_PIECE: Final = 65_536
_GROWTH: Final = 64 * 1024**2
"""Bytes that this process may hold more than at first when it begins another order: an order pays for its own."""


def main() -> int:
    """Does what the orders ask that come in, and says how each went."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    signal.signal(signal.SIGINT, stop.ask)
    tie_to_parent()
    adopt_orphans()
    try:
        machine: Machine | Misconfigured = Machine(own_settings())
    except Misconfigured as exc:
        machine = exc
    first, threads = _held(), threading.active_count()
    orders, voice = os.dup(0), os.dup(1)
    # Whatever else writes there is no word of ours, and what reads there must not wait for our next order.
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    for number, folder in _orders(orders, stop):
        if isinstance(machine, Misconfigured):
            Speaker(number, 0, voice).result(told(machine), last=False)
            continue
        speaker = Speaker(number, machine.settings.log_kib * _KIB, voice)
        result = attempted(folder, machine.means(stop, folder), speaker)
        _end_all_below()
        Room(folder).clear()
        # Threads that were left alone are still about.
        is_last = stop.asked or threading.active_count() > threads or _held() - first > _GROWTH
        speaker.result(result, last=is_last)
        if is_last:
            break
    return 0


def _orders(given: int, stop: Stop) -> Iterator[tuple[int, Path]]:
    """The number and folder of each order that is ``given``, until no more can come or the end is asked for."""
    read = b""
    while True:
        while b"\n" not in read:
            select.select([given, stop.fileno()], [], [])
            piece = b"" if stop.asked else os.read(given, _PIECE)
            if not piece:
                return
            read += piece
        line, _, read = read.partition(b"\n")
        said = json.loads(line)
        yield int(said["of"]), Path(said["folder"])


def _end_all_below() -> None:
    """What a program without a sandbox has left behind is our child by now, wherever it went."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        # Who has no child has nobody below: orphans come to us.
        return
    left = psutil.Process().children(recursive=True)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=5)


def _held() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - after every order
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    code = main()
    # Threads that still wait for a model must not be waited for.
    os._exit(code)
