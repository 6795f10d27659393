"""The executor of MAP."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from cluster_ai.core.wire import dump_json
from cluster_ai.executors.calls import call
from cluster_ai.executors.contract import Order, Result, Said
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.files import beyond, keep, place
from cluster_ai.executors.kinds.infer import answered, as_json
from cluster_ai.executors.kinds.mapping.checkpoint import Checkpoint, Unit
from cluster_ai.executors.kinds.mapping.parameters import MapParameters
from cluster_ai.executors.kinds.mapping.rows import filled, read_rows
from cluster_ai.executors.kinds.mapping.spreading import Work, spread
from cluster_ai.executors.means import Means, Refusal
from cluster_ai.executors.parameters import read
from cluster_ai.executors.programs import Program, refusals
from cluster_ai.executors.prompt import Ask, ask, new_client
from cluster_ai.executors.rooms import remove
from cluster_ai.executors.types import ExecutorSettings

MOST_NAMED: Final = 20
"""Failures that the result names one by one; the artefact has them all."""


class Map:
    """Row by row; what is done stays done when the attempt after this one begins."""

    kind: ClassVar[str] = "MAP"
    parameters: ClassVar = MapParameters
    is_idempotent: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(parameters: MapParameters, settings: ExecutorSettings) -> Iterator[Refusal]:
        yield from refusals(parameters, "MAP", settings)
        for source in beyond([parameters.data] if parameters.data else [], settings):
            yield "data", f"{source} is in no folder of [executors] inputs"

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(MapParameters, order.parameters)
        program = Program.prepared(order, folder, parameters, self._means)
        rows = _rows(program, parameters)
        checkpoint = Checkpoint(program.room.kept / f"{_digest(parameters, rows)}.jsonl")
        checkpoint.load()
        mapping = _Mapping(program, parameters, rows, checkpoint, said)
        with new_client(order.gateway_key) as client:
            work = mapping.by_function if parameters.code is not None else mapping.by_prompt(client)
            failures = mapping.run(work, self._means)
        return mapping.result(failures)

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        remove(folder / "artefacts")
        remove(folder / "kept")
        return Result(ok=True, value="the answers are taken away; nothing else was changed")


def _rows(program: Program, parameters: MapParameters) -> Sequence[Any]:
    if parameters.data is None:
        return parameters.rows
    place([parameters.data], program.room.tmp, folder=program.room.folder, settings=program.means.settings)
    return read_rows((program.room.tmp / parameters.data.path).read_bytes(), parameters.form)


def _digest(parameters: MapParameters, rows: Sequence[Any]) -> str:
    """Of all that an answer depends on; how many are done at a time is none of it."""
    asked = parameters.model_dump(mode="json", exclude={"rows", "data", "concurrency", "most_failed", "trusted"})
    return hashlib.sha256(dump_json([asked, list(rows)])).hexdigest()[:32]


@dataclass(slots=True)
class _Mapping:
    """One attempt."""

    program: Program
    parameters: MapParameters
    rows: Sequence[Any]
    checkpoint: Checkpoint
    said: Said
    resumed: int = 0

    def run(self, work: Work, means: Means) -> list[tuple[Unit, Failed]]:
        """Does what is not done; the units that failed."""
        units = list(self._units())
        left = [unit for unit in units if unit.first not in self.checkpoint.done]
        self.resumed = sum(unit.end - unit.first for unit in units) - sum(unit.end - unit.first for unit in left)
        if self.resumed:
            self.said.log(f"{self.resumed} of {len(self.rows)} rows were done before")
        failures = []
        count, total = len(units) - len(left), max(1, len(units))
        for unit, answer, wrong in spread(left, work, at_once=self.parameters.concurrency, stop=means.stop):
            count += 1
            if wrong is None:
                assert isinstance(answer, dict)
                self.checkpoint.add({"first": unit.first, "end": unit.end, **answer})
            else:
                failures.append((unit, wrong))
                self.said.log(f"{_named(unit)}: {wrong.code}: {wrong.error}")
            self.said.progress(count / total, f"{count} of {total}")
        return failures

    def _units(self) -> Iterator[Unit]:
        size = self.parameters.partition_rows if self.parameters.code is not None else 1
        for first in range(0, len(self.rows), size):
            yield Unit(first, min(first + size, len(self.rows)))

    def by_prompt(self, client: Any) -> Work:
        """Asks the model about one row."""
        asking, template, order = self.parameters.ask, self.parameters.prompt, self.program.order
        assert asking is not None
        assert template is not None

        def work(unit: Unit) -> Mapping[str, Any]:
            try:
                prompt = filled(template, self.rows[unit.first])
            except KeyError as exc:
                raise Failed("invalid_input", f"the row has no column {exc.args[0]}") from exc
            asked = Ask(
                gateway=order.gateway_url,
                model=asking.model,
                prompt=prompt,
                system=asking.system,
                options=asking.options,
                format=asking.output_schema,
                tries=asking.tries,
                seconds=order.limits.seconds,
            )
            reply = answered(ask(asked, client))
            answer = reply.text if asking.output_schema is None else as_json(reply.text)
            tokens = {"prompt": reply.prompt_tokens, "completion": reply.completion_tokens}
            return {"answer": answer, "node": reply.node, "tokens": tokens}

        return work

    def by_function(self, unit: Unit) -> Mapping[str, Any]:
        """Calls the function in a sandbox of its own."""
        room = self.program.room.part(str(unit.first))
        room.make()
        try:
            settings = self.program.means.settings
            place(self.parameters.files, room.work, folder=self.program.room.folder, settings=settings)
            (room.work / "job.py").write_text(self.parameters.code or "", encoding="utf-8")
            rows = list(self.rows[unit.first : unit.end])
            answer, _ = call(self.program, f"job.py:{self.parameters.function}", self.said, args=[rows], room=room)
        finally:
            remove(room.folder)
        return {"answer": answer}

    def result(self, failures: list[tuple[Unit, Failed]]) -> Result:
        text = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in self._lines(failures))
        artefact = keep(self.program.room, "rows.jsonl", io.BytesIO(text))
        failed_rows = sum(unit.end - unit.first for unit, _ in failures)
        value = {
            "rows": len(self.rows),
            "done": len(self.rows) - failed_rows,
            "failed": failed_rows,
            "resumed": self.resumed,
            "failures": [_failure(unit, wrong) for unit, wrong in failures[:MOST_NAMED]],
            "tokens": self._tokens(),
        }
        if failed_rows > self.parameters.most_failed * len(self.rows):
            first = failures[0][1]
            error = f"{failed_rows} of {len(self.rows)} rows failed, the first with {first.code}: {first.error}"
            result = Failed("rows_failed", error, value=value).result
        else:
            result = Result(ok=True, value=value)
        return result.model_copy(update={"artefacts": (artefact,)})

    def _lines(self, failures: list[tuple[Unit, Failed]]) -> Iterator[dict[str, Any]]:
        wrong = {unit.first: (unit, failed) for unit, failed in failures}
        for unit in self._units():
            if unit.first in wrong:
                yield _failure(*wrong[unit.first])
            else:
                yield from _answers(unit, self.checkpoint.done[unit.first])

    def _tokens(self) -> dict[str, int]:
        counted = [entry["tokens"] for entry in self.checkpoint.done.values() if "tokens" in entry]
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
