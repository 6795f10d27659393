"""What a MAP leaves: one line for each row, and what failed."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.executors.files import keep
from cluster_ai.executors.kind import Failed, Result, Said
from cluster_ai.executors.kinds.mapping.checkpoint import Checkpoint, Unit
from cluster_ai.executors.rooms import Room

Entries = Mapping[int, Mapping[str, Any]]
Wrong = tuple[Unit, Failed]
MOST_NAMED: Final = 20
"""Failures that the result names one by one; the artefact has them all."""


@dataclass(slots=True)
class Tally:
    """One attempt, as it goes on."""

    units: Sequence[Unit]
    checkpoint: Checkpoint
    said: Said
    failures: list[Wrong] = field(default_factory=list)
    resumed: int = 0
    """Rows that were done before."""

    def left(self) -> list[Unit]:
        """What is not done yet."""
        left = [unit for unit in self.units if unit.first not in self.checkpoint.done]
        self.resumed = _rows(self.units) - _rows(left)
        if self.resumed:
            self.said.log(f"{self.resumed} of {_rows(self.units)} rows were done before")
        return left

    def take(self, unit: Unit, answer: object, wrong: Failed | None) -> None:
        """What came of one unit."""
        if wrong is not None:
            self.failures.append((unit, wrong))
            self.said.log(f"{_named(unit)}: {wrong.code}: {wrong.error}")
        else:
            assert isinstance(answer, dict)
            self.checkpoint.add({"first": unit.first, "end": unit.end, **answer})
        count = len(self.checkpoint.done) + len(self.failures)
        self.said.progress(count / len(self.units), f"{count} of {len(self.units)}")

    def result(self, room: Room, most_failed: float) -> Result:
        """All of it; a failure when more than that share of the rows failed."""
        artefact = keep(room, "rows.jsonl", io.BytesIO(as_jsonl(self.units, self.checkpoint.done, self.failures)))
        total, count = _rows(self.units), _rows([unit for unit, _ in self.failures])
        value = {
            "rows": total,
            "done": total - count,
            "failed": count,
            "resumed": self.resumed,
            "failures": [_failure(unit, wrong) for unit, wrong in self.failures[:MOST_NAMED]],
            "tokens": tokens_of(self.checkpoint.done),
        }
        result = Result(ok=True, value=value)
        if count > most_failed * total:
            first = self.failures[0][1]
            error = f"{count} of {total} rows failed, the first with {first.code}: {first.error}"
            result = Failed("rows_failed", error, value=value).result
        return result.model_copy(update={"artefacts": (artefact,)})


def _rows(units: Sequence[Unit]) -> int:
    return sum(unit.end - unit.first for unit in units)


def as_jsonl(units: Sequence[Unit], done: Entries, failures: Sequence[Wrong]) -> bytes:
    """A line for each row, or for a partition that has one answer for all its rows."""
    wrong = {unit.first: failed for unit, failed in failures}
    lines: list[Mapping[str, Any]] = []
    for unit in units:
        lines += [_failure(unit, wrong[unit.first])] if unit.first in wrong else _answers(unit, done[unit.first])
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def tokens_of(done: Entries) -> dict[str, int]:
    """All that was counted, in earlier attempts, too."""
    counted = [entry["tokens"] for entry in done.values() if "tokens" in entry]
    return {name: sum(each[name] for each in counted) for name in ("prompt", "completion")}


def _answers(unit: Unit, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One line for each row, when there is an answer for each."""
    answer = entry["answer"]
    rest = {name: entry[name] for name in ("node", "tokens") if name in entry}
    if unit.end - unit.first == 1 and rest:
        yield {"row": unit.first, "answer": answer, **rest}
    elif isinstance(answer, list) and len(answer) == unit.end - unit.first:
        yield from ({"row": unit.first + at, "answer": each} for at, each in enumerate(answer))
    else:
        yield {"rows": [unit.first, unit.end], "answer": answer}


def _failure(unit: Unit, wrong: Failed) -> dict[str, Any]:
    where = {"row": unit.first} if unit.end - unit.first == 1 else {"rows": [unit.first, unit.end]}
    return {**where, "code": wrong.code, "error": wrong.error[:500]}


def _named(unit: Unit) -> str:
    return f"row {unit.first}" if unit.end - unit.first == 1 else f"rows {unit.first} to {unit.end - 1}"
