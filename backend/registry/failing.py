"""Our errors as gRPC statuses: the same table as HTTP's, and the same stable codes."""

from typing import Any, Final, NoReturn

import grpc

from backend.errors import problem_of
from cluster_ai.core.errors import ClusterError

STATUS: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    507: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""By the status that HTTP has for the error; every other is INTERNAL."""
BY_CODE: Final = {
    "illegal_transition": grpc.StatusCode.FAILED_PRECONDITION,
    "frozen": grpc.StatusCode.FAILED_PRECONDITION,
    "changed_meanwhile": grpc.StatusCode.ABORTED,
}
"""Conflicts that are none of names."""
CODE: Final = "cluster-ai-code"
HINT: Final = "cluster-ai-hint"


async def fail(context: Any, error: ClusterError) -> NoReturn:
    """Ends a call with ``error``. The details begin with its code, which the trailing metadata have, too."""
    problem = problem_of(error)
    trailing = ((CODE, problem.code), *(((HINT, _plain(problem.hint)),) if problem.hint else ()))
    status = BY_CODE.get(problem.code) or STATUS.get(problem.status, grpc.StatusCode.INTERNAL)
    await context.abort(status, f"{problem.code}: {problem.detail}", trailing)
    raise AssertionError("abort does not return")


def _plain(text: str) -> str:
    """Metadata are ASCII."""
    return text.encode("ascii", "replace").decode("ascii")
