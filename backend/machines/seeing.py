"""A machine with what others know of it: the gateway its calls, the scheduler its workers."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.plane import Plane
from cluster_ai.core.errors import Unavailable
from cluster_ai.gateway.types import UpstreamKind
from cluster_ai.nodes.errors import NoSuchMachine, is_a_node
from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.views import MachineView


def seen(plane: Plane, known: Known) -> MachineView:
    """The machine as it is shown."""
    view = plane.rooms.members.fleet.view(known)
    try:
        picture = plane.live.overview()
    except Unavailable:
        # The first snapshot is being made: nobody can say yet that it is drained.
        return view
    nodes = [node for node in picture.nodes if node.name == view.name]
    inflight = sum(node.inflight for node in nodes)
    has_workers = any(worker.name.rpartition("-")[0] == view.name for worker in picture.compute.workers)
    # A gateway that has not heard of it yet may send the machine another call.
    is_known = all(node.draining for node in nodes)
    drained = view.draining and is_known and not inflight and not has_workers
    return view.model_copy(update={"inflight": inflight, "drained": drained})


@contextmanager
def nodes_told_apart(plane: Plane, name: str) -> Iterator[None]:
    """Who gives an order to a node of the head's own is told what it is, and what to do instead.

    Raises:
        NoSuchMachine: in finer words, where the block raised it about such a node.
    """
    try:
        yield
    except NoSuchMachine as exc:
        try:
            nodes = plane.live.overview().nodes
        except Unavailable:
            raise exc from None
        for node in nodes:
            if node.name == name:
                raise is_a_node(name, embedded=node.kind is UpstreamKind.EMBEDDED) from None
        raise
