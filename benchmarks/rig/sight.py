"""Looks at a cluster again and again from another thread, and remembers when what it saw changed."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

Look = Callable[[], frozenset[str]]


@dataclass
class Seen:
    """Which names were there, since when: (monotonic seconds, names), the newest last."""

    changes: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def add(self, at: float, names: frozenset[str]) -> None:
        if not self.changes or self.changes[-1][1] != names:
            self.changes.append((at, names))

    def missed(self, name: str, since: float) -> float | None:
        """Seconds from ``since`` until it was not there; None when it always was."""
        return next((at - since for at, names in self.changes if at >= since and name not in names), None)

    def back(self, name: str, since: float) -> float | None:
        """Seconds from ``since`` until it was there and stayed; 0 when it always was, None when it is not."""
        if not self.changes or name not in self.changes[-1][1]:
            return None
        stayed = next((k for k in range(len(self.changes), 0, -1) if name not in self.changes[k - 1][1]), 0)
        return max(0.0, self.changes[stayed][0] - since)


class Sight:
    """``with Sight({"machines": look, ...}) as sight: ... sight.seen["machines"]``."""

    def __init__(self, looks: Mapping[str, Look], *, pause: float = 0.1) -> None:
        self._looks = looks
        self._pause = pause
        self._over = threading.Event()
        self.seen = {what: Seen() for what in looks}
        self._threads = [threading.Thread(target=self._watch, args=item) for item in looks.items()]

    def _watch(self, what: str, look: Look) -> None:
        while not self._over.wait(self._pause):
            asked = time.monotonic()
            try:
                names = look()
            except (OSError, KeyError):
                # Nobody answers: nothing is known, so nothing has changed.
                continue
            # An answer that took long tells of some moment in between: the later one is the honest choice.
            self.seen[what].add(asked if time.monotonic() - asked < 1 else time.monotonic(), names)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
