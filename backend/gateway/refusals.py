"""Calls that end before a node is chosen, because their caller may not make them, or not now."""

import time
from collections.abc import Callable

from backend.gateway.answers import status_of
from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.served import Outcome, Served

Tell = Callable[[Served], None]


class refusals_told:  # noqa: N801 - read as words of its ``with``
    """Tells of the call when the block refuses it; one that goes on is told of where it ends."""

    __slots__ = ("_call", "_tell")

    def __init__(self, call: Call, tell: Tell) -> None:
        self._call = call
        self._tell = tell

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if isinstance(error, ClusterError):
            self._tell(_refused(self._call, error))


def _refused(call: Call, error: ClusterError) -> Served:
    sender = call.sender
    return Served(
        request_id=sender.request_id,
        key_id=sender.caller.key_id,
        caller=sender.caller.name,
        model=call.model,
        path=call.path.path,
        stream=call.stream,
        priority=call.priority,
        at=time.time(),
        outcome=Outcome.REFUSED,
        status=status_of(error),
        code=error.code,
        traceparent=sender.traceparent,
    )
