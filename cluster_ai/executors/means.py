"""What every executor is given to work with."""

from collections.abc import Iterable
from dataclasses import dataclass

from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox.cell import Cell
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import ExecutorSettings

Refusal = tuple[str, str]
"""Path of a parameter, and what the machine's settings do not allow about it."""


@dataclass(frozen=True, slots=True)
class Means:
    """``settings``: what this machine grants; ``stop``: the wish that the attempt ends; ``cell``: the sandbox."""

    settings: ExecutorSettings
    stop: Stop
    cell: Cell


def granted(refusals: Iterable[Refusal]) -> None:
    """Raises ``Failed`` with the first of them."""
    for path, what in refusals:
        raise Failed("not_allowed", f"{path}: {what}")
