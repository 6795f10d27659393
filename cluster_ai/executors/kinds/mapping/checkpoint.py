"""What is done already: a line of JSON for each unit, so that another attempt does not do it again."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster_ai.core.paths import PRIVATE_DIR


@dataclass(frozen=True, slots=True)
class Unit:
    """One row, or one partition: the rows from ``first`` up to ``end``."""

    first: int
    end: int


@dataclass(slots=True)
class Checkpoint:
    """A file of its own for each data set and way to map it, so that what belongs to another is never taken."""

    path: Path
    done: dict[int, dict[str, Any]] = field(default_factory=dict)
    """First row of a unit -> its entry, of those that went well."""

    def load(self) -> None:
        """A line that was cut short when the machine died counts as not there."""
        self.path.parent.mkdir(mode=PRIVATE_DIR, exist_ok=True)
        whole = 0
        for line in self._lines():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            self.done[entry["first"]] = entry
        if self.path.exists():
            os.truncate(self.path, whole)

    def add(self, entry: dict[str, Any]) -> None:
        """Keeps what went well; from one thread only."""
        self.done[entry["first"]] = entry
        with self.path.open("ab") as file:
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")

    def _lines(self) -> Iterator[bytes]:
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from file
