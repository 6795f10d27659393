"""The executor of MAP."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from cluster_ai.executors.files import beyond
from cluster_ai.executors.kind import ExecutorSettings, Means, Order, Refusal, Result, Said, read
from cluster_ai.executors.kinds.mapping.parameters import MapParameters
from cluster_ai.executors.kinds.mapping.walking import mapped
from cluster_ai.executors.programs import Program, refusals
from cluster_ai.executors.rooms import remove


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
        return mapped(program, parameters, said)

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        remove(folder / "artefacts")
        remove(folder / "kept")
        return Result(ok=True, value="the answers are taken away; nothing else was changed")
