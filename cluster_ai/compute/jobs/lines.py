"""Which line is asked next, and what becomes of an answer. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cluster_ai.executors.prompt import Outcome

ROUNDS = 3
"""A line that nobody could answer so often, while others were answered, is at fault itself."""


@dataclass(frozen=True, slots=True)
class Line:
    index: int
    """From 0, blank lines counted."""
    text: str


class Verdict(Enum):
    ANSWER = "write the answer down"
    FAILURE = "write down that it failed"
    AGAIN = "it comes again later"
    GIVE_UP = "nobody has answered anything for too long"


@dataclass(slots=True)
class _Trouble:
    """A line's bad rounds, and how many answers there were when it was asked for the first time."""

    answers: int
    rounds: int = 0


class Todo:
    """Lines not yet written down. ``patience`` and times are in seconds on one clock."""

    def __init__(self, lines: Iterable[Line], *, patience: float, now: float) -> None:
        self._waiting = deque(lines)
        self._patience = patience
        self._heard = now
        self._answers = 0
        self._trouble: dict[int, _Trouble] = {}

    @property
    def unfinished(self) -> bool:
        return bool(self._waiting)

    def take(self) -> Line | None:
        """The next line, or None when none waits."""
        if not self._waiting:
            return None
        line = self._waiting.popleft()
        self._trouble.setdefault(line.index, _Trouble(self._answers))
        return line

    def give_back(self, line: Line) -> None:
        """It was never answered and nobody is to blame: it is next."""
        self._waiting.appendleft(line)

    def resume(self, now: float) -> None:
        """Patience begins anew: the silence until now had another reason than the gateway."""
        self._heard = now

    def settle(self, line: Line, outcome: Outcome, now: float) -> Verdict:
        """What to do about ``line``, which was taken and asked."""
        if outcome is not Outcome.AWAY:
            del self._trouble[line.index]
        match outcome:
            case Outcome.ANSWERED:
                self._answers += 1
                self._heard = now
                return Verdict.ANSWER
            case Outcome.REFUSED:
                self._heard = now
                return Verdict.FAILURE
            case Outcome.AWAY:
                return self._settle_away(line, now)

    def _settle_away(self, line: Line, now: float) -> Verdict:
        trouble = self._trouble[line.index]
        trouble.rounds += 1
        if trouble.rounds >= ROUNDS and self._answers > trouble.answers:
            return Verdict.FAILURE
        self._waiting.append(line)
        return Verdict.GIVE_UP if now - self._heard > self._patience else Verdict.AGAIN


def lines_of(text: str) -> list[Line]:
    """The lines that have something on them. Only LF and CRLF end a line."""
    found = (Line(index, line.removesuffix("\r")) for index, line in enumerate(text.split("\n")))
    return [line for line in found if line.text.strip()]
