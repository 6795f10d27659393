"""Orders that this machine has begun, and how they ended, kept over restarts: what is done once must not be done twice.

An order is written down before it is done. Whoever finds one that was begun and not ended, in a later life, decides by
what has changed since whether it was done.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from cluster_ai.core import files
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.wire import View, dump_json
from cluster_ai.nodes.types import Done, Order

MOST_KEPT: Final = 256
MOST_TRIES: Final = 3
"""Of an order that was begun and, as far as can be seen, never done."""


class CannotRemember(Unavailable):
    """An order that could not be written down is not done: it might be done again and again."""

    code = "cannot_remember"


@dataclass(frozen=True, slots=True)
class Present:
    """What tells one life of this machine, and of this process, from another."""

    boot_id: str
    version: str
    """Of the program, as exactly as it is known: two builds of one release differ."""
    life: str
    """Of this process; never the same twice."""
    went_back: str = ""
    """A version that was tried and did not report to the head; the one before it runs again."""


class Entry(View):
    """One order."""

    id: str
    verb: str
    argument: str = ""
    boot_id: str
    version: str
    life: str
    tries: int = 1
    done: bool = False
    error: str = ""

    def ended(self, error: str = "") -> "Entry":
        return self.model_copy(update={"done": True, "error": error[:512]})

    def told(self) -> Done:
        return Done(order=self.id, error=self.error)


def begun(order: Order, before: Entry | None, present: Present) -> Entry:
    """What is to be written down now: the order as begun, or as ended when it needs no doing (any more). Pure."""
    if before is None:
        return _new(order, present, tries=1)
    if before.done or before.life == present.life:
        return before
    if _was_done(before, present):
        return before.ended()
    if before.verb == "upgrade" and present.went_back:
        return before.ended(f"{present.went_back} was tried and did not report to the head: the version before runs")
    if before.tries >= MOST_TRIES:
        return before.ended(f"it was begun {before.tries} times, and this process ended before it was done")
    return _new(order, present, tries=before.tries + 1)


def _was_done(entry: Entry, present: Present) -> bool:
    """Whether what has changed since is what the order was to change."""
    match entry.verb:
        case "reboot":
            return entry.boot_id != present.boot_id
        case "upgrade":
            return entry.version != present.version and present.version.startswith(entry.argument)
        case "restart":
            # Whoever restarts all parts ends with them.
            return True
        case _:
            return False


def _new(order: Order, present: Present, *, tries: int) -> Entry:
    return Entry(
        id=order.id,
        verb=order.verb,
        argument=order.argument,
        boot_id=present.boot_id,
        version=present.version,
        life=present.life,
        tries=tries,
    )


class _Page(View):
    orders: tuple[Entry, ...] = ()


class Ledger:
    """One JSON file. Its methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, order: str) -> Entry | None:
        return next((entry for entry in self._read() if entry.id == order), None)

    def write(self, entry: Entry) -> None:
        """It stands there after a power cut, too.

        Raises:
            CannotRemember: the disk is full, or cannot be written.
        """
        kept = [other for other in self._read() if other.id != entry.id][-(MOST_KEPT - 1) :]
        page = dump_json(_Page(orders=(*kept, entry)).model_dump())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self._path, page)
        except OSError as exc:
            raise CannotRemember(
                f"the order cannot be written down at {self._path}: {exc.strerror or exc}",
                hint="make room on that disk: an order that is not remembered is not done",
            ) from exc

    def _read(self) -> tuple[Entry, ...]:
        try:
            return _Page.model_validate_json(self._path.read_bytes()).orders
        except (OSError, ValidationError):
            return ()
