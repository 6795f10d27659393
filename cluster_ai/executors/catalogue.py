"""Every kind of work: its parameters, what a machine grants of them, and who does it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.contract import Check, Executor, Order, Result, Said
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.kinds import KINDS
from cluster_ai.executors.kinds.compensate import CompensateParameters, undone
from cluster_ai.executors.means import Means
from cluster_ai.executors.parameters import read
from cluster_ai.executors.types import ExecutorSettings

COMPENSATE: Final = "COMPENSATE"
PARAMETERS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {**{kind: executor.parameters for kind, executor in KINDS.items()}, COMPENSATE: CompensateParameters}
)
"""Kind -> its parameters."""


def check_parameters(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as they are stored: checked, without what is as it would be anyway. A ``Check``.

    Raises:
        InvalidInput: there is no such kind, or a parameter is wrong.
    """
    return _parsed(kind, parameters).model_dump(mode="json", exclude_defaults=True)


def checked_by(settings: ExecutorSettings) -> Check:
    """A ``Check`` that also refuses what a machine with these settings would not grant."""

    def check(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
        parsed = _parsed(kind, parameters)
        for path, what in KINDS[kind].refusals(parsed, settings) if kind in KINDS else ():
            hint = "an administrator grants it in the settings, under [executors]"
            raise InvalidInput(what, path=path, hint=hint, values={"about": "grant"})
        return parsed.model_dump(mode="json", exclude_defaults=True)

    return check


def _parsed(kind: str, parameters: dict[str, Any]) -> BaseModel:
    model = PARAMETERS.get(kind)
    if model is None:
        raise InvalidInput(f"there is no kind {kind[:40]}; there are {', '.join(PARAMETERS)}", path="kind")
    return read(model, parameters)


def tickets_read_by(parameters: Mapping[str, Any]) -> set[str]:
    """Ids of the tickets whose artefacts are read by what ``check_parameters`` gave: all must be dependencies."""
    brought = [*parameters.get("files", ()), parameters.get("data")]
    return {file["ticket"] for file in brought if file is not None and file.get("ticket") is not None}


def hears_pipelines(kind: str, parameters: Mapping[str, Any]) -> bool:
    """Whether what ``check_parameters`` gave makes a ticket heed what a pipeline elsewhere reports (``Reported``)."""
    return kind == "TEST" and parameters.get("pipeline") is not None


def executor_of(kind: str, means: Means) -> Executor:
    """Who does work of a kind.

    Raises:
        Failed: there is no such kind.
    """
    if kind not in KINDS:
        raise Failed("unsupported", f"this version does not know the kind {kind[:40]}")
    made: Executor = KINDS[kind](means)
    return made


def perform(order: Order, folder: Path, *, means: Means, said: Said) -> Result:
    """Does what the order asks.

    Raises:
        Failed: it did not go well.
        Cancelled: the end was asked for.
        InvalidInput: a parameter is wrong.
    """
    if order.kind != COMPENSATE:
        return executor_of(order.kind, means).run(order, folder, said)
    inner = undone(order)
    executor = executor_of(inner.kind, means)
    if not executor.can_compensate:
        raise Failed("undo_impossible", f"{inner.kind} cannot be undone")
    return executor.compensate(inner, folder, said)
