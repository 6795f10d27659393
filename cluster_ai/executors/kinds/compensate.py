"""COMPENSATE: undoes what another ticket did, by that ticket's own kind."""

from typing import Any

from pydantic import Field

from cluster_ai.core.wire import StrictModel, Text
from cluster_ai.executors.kind import Failed, Order


class CompensateParameters(StrictModel):
    """Nothing but a word on why; what is undone comes with the order."""

    reason: Text = Field(default="", description="Why it is undone, for the log.")


def undone(order: Order) -> Order:
    """The order that is undone, with its own kind, parameters and key.

    Raises:
        Failed: ``undo_impossible``, the order does not say what was done.
    """
    done = order.done or {}
    kind, parameters = done.get("kind"), done.get("parameters")
    if not isinstance(kind, str) or not isinstance(parameters, dict):
        raise Failed("undo_impossible", "the order does not say what was done: kind and parameters")
    key = done.get("key")
    return order.model_copy(
        update={"kind": kind, "parameters": parameters, "key": key if isinstance(key, str) else order.key}
    )


def value_of(order: Order) -> dict[str, Any]:
    """What the ticket that is undone gave; empty when it gave nothing, or nothing with names."""
    done = order.done or {}
    result = done.get("result")
    value = result.get("value") if isinstance(result, dict) and "value" in result else done.get("value", result)
    return value if isinstance(value, dict) else {}
