"""Where the rows of a MAP come from, and by what its answers are known again."""

import hashlib
from collections.abc import Sequence
from typing import Any

from cluster_ai.core.wire import dump_json
from cluster_ai.executors.files import place
from cluster_ai.executors.kinds.mapping.checkpoint import Checkpoint, Unit
from cluster_ai.executors.kinds.mapping.parameters import MapParameters
from cluster_ai.executors.kinds.mapping.rows import read_rows
from cluster_ai.executors.programs import Program


def rows_of(program: Program, parameters: MapParameters) -> Sequence[Any]:
    """The rows themselves, or those of the file."""
    if parameters.data is None:
        return parameters.rows
    place([parameters.data], program.room.tmp, folder=program.room.folder, settings=program.means.settings)
    return read_rows((program.room.tmp / parameters.data.path).read_bytes(), parameters.form)


def _digest(parameters: MapParameters, rows: Sequence[Any]) -> str:
    """Of all that an answer depends on; how many are done at a time is none of it."""
    asked = parameters.model_dump(mode="json", exclude={"rows", "data", "concurrency", "most_failed", "trusted"})
    return hashlib.sha256(dump_json([asked, list(rows)])).hexdigest()[:32]


def units_of(parameters: MapParameters, count: int) -> list[Unit]:
    """Rows, or partitions for a function."""
    size = parameters.partition_rows if parameters.code is not None else 1
    return [Unit(first, min(first + size, count)) for first in range(0, count, size)]


def checkpoint_of(program: Program, parameters: MapParameters, rows: Sequence[Any]) -> Checkpoint:
    """What attempts before have done of just this."""
    checkpoint = Checkpoint(program.room.kept / f"{_digest(parameters, rows)}.jsonl")
    checkpoint.load()
    return checkpoint
