"""What a cluster of machines makes of what a house does to it: ``./manager.sh bench machines``.

A head and three machines stand on a network of their own on this box (``tests/lan``: namespaces, real cables, real
TLS; root is needed). All work goes on while one of them suffers: chats are streamed through the head's gateway, tasks
of Dask run, and the API is asked ten times a second who is there. Only the CLI and HTTP are used, as people use them;
the machines' model engines are fakes whose pace is known.

For each fault: when the API showed the machine as gone (as a machine, as a node of the gateway, as a Dask worker), how
long any stream was silent and how it ended, what became of tasks, and how long after the mending all was as before.
``--faults cable,frozen`` runs some of them, ``--resume`` lets streams go on elsewhere. Prints a table and writes
``machines.json`` beside the other results.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.rig import results
from benchmarks.rig.client import Door, Got, ask, session
from benchmarks.rig.sight import Sight
from tests.lan.house import GATEWAY, MODEL, House, Member, control
from tests.lan.lan import Lan

NAMES = ("one", "two", "three")
SUFFERS = "two"
RATE, TOKENS, STREAMS = 20.0, 80, 9
"""Tokens a second of each stream, tokens of each answer (four seconds), streams at any time."""
SLOTS, TASK_SECONDS = 6, 0.5
WARM, HELD, PATIENCE = 4.0, 15.0, 60.0
"""Seconds: undisturbed before the fault, under it, and at most for all to be as before."""


@dataclass(frozen=True)
class Fault:
    """``mend`` is left out where nothing but time mends it."""

    key: str
    name: str
    strike: Callable[[House, Member], None]
    mend: Callable[[House, Member], None] | None = None


def kill_worker(_: House, member: Member) -> None:
    for process in member.processes("cluster_ai.serve worker"):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def restart_head(house: House, _: Member) -> None:
    house.head.kill()
    house.head.start()


def restart_machine(_: House, member: Member) -> None:
    member.kill()
    member.start()


def heal(_: House, member: Member) -> None:
    member.machine.cable.heal()


FAULTS = (
    Fault("nothing", "nothing", lambda *_: None),
    Fault("cable", "cable pulled", lambda _, member: member.machine.cable.pull(), heal),
    Fault("worker", "Dask worker killed", kill_worker),
    Fault("machine", "all of ours killed there", restart_machine),
    Fault("frozen", "machine frozen", lambda _, member: member.machine.freeze(), lambda _, m: m.machine.thaw()),
    Fault("loss", "30 % loss", lambda _, member: member.machine.cable.loss(30), heal),
    Fault("slow", "1 Mbit/s", lambda _, member: member.machine.cable.rate("1mbit"), heal),
    Fault("far", "200 ms further away", lambda _, member: member.machine.cable.delay(200), heal),
    Fault("deaf", "hears nothing", lambda _, member: member.machine.cable.deaf(), heal),
    Fault("head", "head killed and started", restart_head),
    Fault("ahead", "clock 5 min ahead", lambda _, m: m.machine.clock(300), lambda _, m: m.machine.clock(0)),
    Fault("behind", "clock 5 min behind", lambda _, m: m.machine.clock(-300), lambda _, m: m.machine.clock(0)),
)


@dataclass
class Streams:
    """Chats through the gateway, from the head, one after the other in each of several lanes."""

    house: House
    got: list[Got] = field(default_factory=list)
    refused: int = 0
    """Calls that found no gateway, or no node, before a word of their answer."""
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.house.head.machine.within, args=[lambda: asyncio.run(self._run())])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    async def _run(self) -> None:
        door = Door(f"http://127.0.0.1:{GATEWAY}", "ollama", MODEL)
        async with session() as http, asyncio.TaskGroup() as lanes:
            for lane in range(STREAMS):
                lanes.create_task(self._lane(lane, http, door))

    async def _lane(self, lane: int, http: Any, door: Door) -> None:
        # They do not all begin at once: at any moment some are at their start and some at their end.
        await asyncio.sleep(lane * TOKENS / RATE / STREAMS)
        count = 0
        while not self._over.is_set():
            count += 1
            got = await ask(http, door, f"lane {lane}, question {count}", stream=True)
            if got.pieces:
                self.got.append(got)
            else:
                self.refused += 1
                await asyncio.sleep(0.2)


class Tasks:
    """Of Dask, given from the head by :mod:`benchmarks.rig.tasks`."""

    tally: dict[str, Any]

    def __init__(self, house: House) -> None:
        words = ["python", "-m", "benchmarks.rig.tasks", str(SLOTS), str(TASK_SECONDS)]
        self._words = house.head.machine.entering(words, user="root", env={})

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        out, _ = self._process.communicate(timeout=PATIENCE * 2)
        self.tally = json.loads(out.splitlines()[-1])


@dataclass
class Row:
    """Seconds, except the counts. None: never."""

    fault: str
    machine_gone: float | None
    node_gone: float | None
    worker_gone: float | None
    streams: int
    broken: int
    resumed: int
    refused: int
    there: int
    """Streams that the machine wrote, or began to write."""
    silence: float
    tasks: int
    again: int
    lost: int
    longest_task: float
    healed: float | None
    why: list[str]
    """In what words streams broke and tasks were lost."""
    silent: list[str]
    """The streams that were silent longest: for how long, how much of them had come when they ended, and how."""

    @property
    def cells(self) -> tuple[object, ...]:
        gone = [shown(value) for value in (self.machine_gone, self.node_gone, self.worker_gone)]
        ended = f"{self.streams - self.broken}/{self.streams}"
        work = (self.tasks, self.again, self.lost, f"{self.longest_task:.1f}")
        return (
            self.fault,
            *gone,
            ended,
            self.resumed,
            self.refused,
            self.there,
            f"{self.silence:.1f}",
            *work,
            shown(self.healed),
        )


COLUMNS = (
    "fault", "machine s", "node s", "worker s", "streams whole", "resumed", "refused", "there", "longest silence s",
    "tasks", "again", "lost", "longest s", "healed s",
)  # fmt: skip


def shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


def measure(house: House, fault: Fault) -> Row:
    """One fault, with the house whole before and after.

    Raises:
        AssertionError: the house was not whole before.
    """
    house.settle()
    suffers = house.members[SUFFERS]
    looks = {what: lambda look=look: frozenset(look()) for what, look in looks_at(house).items()}
    with Sight(looks) as sight, Streams(house) as streams, Tasks(house) as tasks:
        time.sleep(WARM)
        struck = time.monotonic()
        fault.strike(house, suffers)
        mended = struck
        if fault.mend:
            time.sleep(HELD)
            mended = time.monotonic()
            fault.mend(house, suffers)
        whole(sight, mended)
    gone = {what: seen.missed(SUFFERS, struck) for what, seen in sight.seen.items()}
    back = [seen.back(name, mended) for seen in sight.seen.values() for name in NAMES]
    broken = [got for got in streams.got if got.broken or not got.ended]
    return Row(
        fault=fault.name,
        machine_gone=gone["machine"], node_gone=gone["node"], worker_gone=gone["worker"],
        streams=len(streams.got), broken=len(broken), resumed=sum(got.resumed for got in streams.got),
        refused=streams.refused, there=sum(got.headers.get("x-cluster-node") == SUFFERS for got in streams.got),
        silence=max((got.silence for got in streams.got), default=0.0),
        tasks=tasks.tally["done"], again=tasks.tally["again"], lost=len(tasks.tally["lost"]),
        longest_task=tasks.tally["longest"],
        healed=None if None in back else max(value for value in back if value is not None),
        silent=[
            f"{got.silence:.1f} s; first word after {got.first or 0:.1f} s, {got.pieces} words; {got.broken or 'whole'}"
            for got in sorted(streams.got, key=lambda got: -got.silence)[:4]
        ],
        why=sorted({got.broken or "no end" for got in broken} | set(tasks.tally["lost"])),
    )  # fmt: skip


def looks_at(house: House) -> dict[str, Callable[[], set[str]]]:
    return {"machine": house.healthy, "node": house.serving, "worker": house.working}


def whole(sight: Sight, since: float) -> None:
    """Until everybody has been there for a while, or patience ends."""
    quiet = 5.0
    while time.monotonic() < since + PATIENCE:
        last = [seen.changes[-1] if seen.changes else (0.0, frozenset()) for seen in sight.seen.values()]
        if all(set(NAMES) <= names and time.monotonic() > max(at, since) + quiet for at, names in last):
            return
        time.sleep(0.2)


def run(wanted: Sequence[Fault], *, resume: bool, folder: Path) -> list[Row]:
    settings = f"[gateway]\nresume = {str(resume).lower()}\n"
    rows = []
    with Lan(folder) as lan:
        house = House(lan, settings=settings)
        for name in NAMES:
            control(house.join(name).machine, rate=RATE, answer_tokens=TOKENS)
        for fault in wanted:
            rows.append(measure(house, fault))
            print(results.table(COLUMNS, [rows[-1].cells]), *rows[-1].why, *rows[-1].silent, sep="\n", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", help=f"comma between: {','.join(fault.key for fault in FAULTS)}")
    parser.add_argument("--resume", action="store_true", help="streams go on from another node")
    given = parser.parse_args()
    keys = given.faults.split(",") if given.faults else [fault.key for fault in FAULTS]
    with tempfile.TemporaryDirectory() as folder:
        rows = run([fault for fault in FAULTS if fault.key in keys], resume=given.resume, folder=Path(folder))
    print(results.table(COLUMNS, [row.cells for row in rows]))
    print(results.write("machines", {"resume": given.resume, "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
