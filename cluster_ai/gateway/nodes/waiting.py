"""Waiting for bytes of a node."""

from collections.abc import Iterator
from contextlib import contextmanager

from cluster_ai.core.deadline import Deadline
from cluster_ai.gateway.nodes.upstreams import Upstream


@contextmanager
def expected(upstream: Upstream, seconds: float) -> Iterator[None]:
    """So long at most, and no longer once the node is known to be gone.

    Raises:
        TimeoutError: time was up.
    """
    deadline = Deadline()
    upstream.waits.add(deadline.move)
    try:
        with deadline.of(seconds):
            yield
        upstream.heard()
    finally:
        upstream.waits.discard(deadline.move)
        deadline.close()
