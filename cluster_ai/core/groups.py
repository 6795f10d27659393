"""What a task group raised, told as what it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from cluster_ai.core.errors import ClusterError


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raises the one error of ours that a group of groups carries as itself; other groups pass as they are.

    A block inside of an ``asyncio.TaskGroup`` that raises comes out as a group of one, which hides from
    ``except ClusterError`` what a person should read.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error = only_leaf(group)
        if isinstance(error, ClusterError):
            raise error from group
        raise


def only_leaf(error: BaseException) -> BaseException | None:
    """The one error in a group of groups; ``None`` where there are several."""
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) != 1:
            return None
        error = error.exceptions[0]
    return error
