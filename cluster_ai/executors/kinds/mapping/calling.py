"""A partition done by a Python function in a sandbox of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from cluster_ai.executors.calls import call
from cluster_ai.executors.files import place
from cluster_ai.executors.kind import Said
from cluster_ai.executors.kinds.mapping.checkpoint import Unit
from cluster_ai.executors.kinds.mapping.parameters import MapParameters
from cluster_ai.executors.kinds.mapping.spreading import Work
from cluster_ai.executors.programs import Program


def by_function(program: Program, parameters: MapParameters, rows: Sequence[Any], said: Said) -> Work:
    """Calls the function with the rows of one partition."""

    def work(unit: Unit) -> Mapping[str, Any]:
        room = program.room.part(str(unit.first))
        room.make()
        try:
            place(parameters.files, room.work, folder=program.room.folder, settings=program.means.settings)
            (room.work / "job.py").write_text(parameters.code or "", encoding="utf-8")
            part = list(rows[unit.first : unit.end])
            answer, _ = call(program, f"job.py:{parameters.function}", said, args=[part], room=room)
        finally:
            room.remove()
        return {"answer": answer}

    return work
