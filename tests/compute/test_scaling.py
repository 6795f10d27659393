"""A policy says how many workers each node shall have; what differs is ordered once."""

import asyncio
from collections.abc import Mapping

from cluster_ai.compute.scaling import HERE, Scaler, as_it_is, present
from cluster_ai.compute.types import ComputeView, WorkerView


def picture(*names: str, reachable: bool = True) -> ComputeView:
    workers = tuple(WorkerView(name=name, address=f"tcp://{name}", host="h", threads=1) for name in names)
    return ComputeView(reachable=reachable, address="tcp://x", workers=workers)


class Told:
    def __init__(self, wanted: Mapping[str, int]) -> None:
        self.wanted = dict(wanted)
        self.orders: list[tuple[str, int]] = []
        self.scaler = Scaler(lambda _: self.wanted, self._give)

    async def _give(self, node: str, count: int) -> None:
        self.orders.append((node, count))

    def tick(self, view: ComputeView) -> dict[str, int]:
        return asyncio.run(self.scaler.tick(view))


def test_workers_are_counted_by_node() -> None:
    view = picture("worker-0", "worker-1", "mouse-0", "grey-mouse-3")
    assert present(view) == {HERE: 2, "mouse": 1, "grey-mouse": 1}


def test_what_differs_is_ordered_once_until_it_is_so() -> None:
    told = Told({HERE: 2, "mouse": 1})
    assert told.tick(picture("worker-0", "mouse-0")) == {HERE: 2}
    assert told.tick(picture("worker-0", "mouse-0")) == {}
    assert told.tick(picture("worker-0", "worker-1", "mouse-0")) == {}
    # A worker that was lost afterwards is ordered again.
    assert told.tick(picture("worker-0", "mouse-0")) == {HERE: 2}
    told.wanted["mouse"] = 0
    assert told.tick(picture("worker-0", "worker-1", "mouse-0")) == {"mouse": 0}
    assert told.orders == [(HERE, 2), (HERE, 2), ("mouse", 0)]


def test_nothing_is_ordered_blindly() -> None:
    assert Told({HERE: 4}).tick(picture(reachable=False)) == {}
    assert as_it_is(picture("worker-0")) == {}
