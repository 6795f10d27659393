"""Three heads that contend in processes of their own, and the laws that what they wrote is held against."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from cluster_ai.core.db import driver_url
from tests.waiting import until

ROOT = Path(__file__).parents[2]
WRITES = 40


LATE = ("refused", "failed")
"""By the fence; or its connection was ended, when it stood still in the middle of a write."""


@dataclass
class Contender:
    """A head, and all that it said."""

    url: str
    folder: Path
    ttl: float
    lines: list[list[str]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        words = [sys.executable, "-m", "tests.election.contender", self.url, str(self.folder), str(self.ttl)]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                # Half a line is what a killed process did not say.
                if line.endswith("\n"):
                    self.lines.append(line.split())

    @property
    def name(self) -> str:
        return next((line[1] for line in self.lines if line[0] == "head"), "")

    def said(self, word: str) -> list[tuple[int, ...]]:
        return [tuple(map(int, line[1:])) for line in list(self.lines) if line[0] == word]


@dataclass
class Arena:
    engine: Engine
    contenders: list[Contender]

    def leader(self) -> Contender | None:
        """Who leads and writes now."""
        with self.engine.connect() as connection:
            epoch, holder = connection.execute(text("SELECT epoch, holder FROM leader_lease")).one()
        found = next((one for one in self.contenders if one.name == holder), None)
        return found if found is not None and any(ack[0] == epoch for ack in found.said("ack")) else None

    def reigns(self, leader: Contender) -> None:
        """It has written for a while."""
        count = len(leader.said("ack"))
        until(lambda: len(leader.said("ack")) > count + WRITES, seconds=10, what="it writes on")

    def leading(self, but: Contender | None = None) -> Contender:
        def another() -> Contender | None:
            return found if (found := self.leader()) is not but else None

        return until(another, seconds=10, what="another one leads and writes")

    def rows(self) -> list[tuple[int, str, int]]:
        """In the order in which they were written."""
        with self.engine.connect() as connection:
            found = connection.execute(text("SELECT epoch, writer, number FROM contended ORDER BY place"))
            return [(row.epoch, row.writer, row.number) for row in found]


@contextmanager
def arena(url: str, folder: Path, *, ttl: float) -> Iterator[Arena]:
    """Three on one database, whose tables are there."""
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        table = "CREATE TABLE contended (place bigserial PRIMARY KEY, epoch bigint, writer text, number bigint)"
        connection.execute(text(table))
    try:
        with contending(url, folder, ttl) as contenders:
            yield Arena(engine, contenders)
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE contended"))
        engine.dispose()


@contextmanager
def contending(url: str, folder: Path, ttl: float) -> Iterator[list[Contender]]:
    contenders = [Contender(url, folder / name, ttl) for name in "abc"]
    with ExitStack() as stack:
        for one in contenders:
            one.start()
            stack.callback(ended(one))
        until(lambda: all(one.name for one in contenders), seconds=60, what="all stand")
        yield contenders


def ended(one: Contender) -> Callable[[], None]:
    def end() -> None:
        assert one.process is not None
        one.process.kill()
        one.process.wait()

    return end


def holds(arena: Arena) -> None:
    """The laws, over all that was written and acknowledged."""
    # They write on: what is looked up must have been acknowledged before.
    acknowledged = [(one.name, ack) for one in arena.contenders for ack in one.said("ack")]
    rows = arena.rows()
    writers: dict[int, set[str]] = {}
    for epoch, writer, _ in rows:
        writers.setdefault(epoch, set()).add(writer)
    assert all(len(found) == 1 for found in writers.values()), "one writer in an epoch"
    epochs = [epoch for epoch, _, _ in rows]
    assert epochs == sorted(epochs), "nothing of an old epoch comes after the first of a new one"
    there = set(rows)
    lost = [(name, ack) for name, ack in acknowledged if (ack[0], name, ack[1]) not in there]
    assert not lost, "what was acknowledged is there"
