"""A node that sleeps and alone has the model is woken, and the call waits for it."""

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backend.gateway.life import Machines
from cluster_ai.gateway.room import Room
from cluster_ai.gateway.types import UpstreamState
from cluster_ai.gateway.wire.lan import Lan
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.door import Door, gateway, header
from tests.waiting import until

pytestmark = pytest.mark.real


class Sleeper:
    """Hears who is called; whoever holds the node wakes it."""

    def __init__(self, *nodes: FakeNode) -> None:
        self.names = frozenset(node.name for node in nodes)
        self.called: list[str] = []

    def machines(self) -> Machines:
        @asynccontextmanager
        async def following(room: Room) -> AsyncIterator[None]:
            room.means.pool.waker.call, room.means.pool.waker.names = self.wake, self.names
            yield

        return Machines(Lan(), following)

    async def wake(self, name: str) -> bool:
        self.called.append(name)
        return True


def asleep(door: Door, number: int) -> None:
    door.nodes[number].set(listen="refuse")
    until(lambda: door.upstream(number).state is UpstreamState.DOWN, what="it is seen to sleep")


def rouse(sleeper: Sleeper, node: FakeNode) -> None:
    until(lambda: sleeper.called, what="it is called")
    node.set(listen="up")


def test_machine_that_alone_has_the_model_is_woken_and_answers(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    sleeper = Sleeper(node)
    with gateway(node, machines=sleeper.machines(), wake_seconds=20) as door:
        asleep(door, 0)
        rousing = threading.Thread(target=rouse, args=(sleeper, node))
        rousing.start()
        heard = door.chat(timeout=25)
        rousing.join()
        assert heard.status == 200
        assert header(heard, "x-cluster-why").startswith("woken, ")
        assert sleeper.called == [node.name], "it is called once, however long it takes"


def test_nobody_is_woken_while_another_node_has_the_model(fleet: Fleet) -> None:
    nodes = fleet.nodes[:2]
    sleeper = Sleeper(*nodes)
    with gateway(*nodes, machines=sleeper.machines(), wake_seconds=20) as door:
        asleep(door, 0)
        assert door.chat().status == 200
        assert sleeper.called == []


def test_machine_that_does_not_wake_is_named_when_the_wait_is_over(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    sleeper = Sleeper(node)
    with gateway(node, machines=sleeper.machines(), wake_seconds=1) as door:
        asleep(door, 0)
        began = time.monotonic()
        heard = door.chat(timeout=10)
        assert heard.status == 503
        assert b"was called" in heard.body
        assert int(header(heard, "retry-after")) >= 1
        assert time.monotonic() - began >= 1, "it was waited for"


def test_nothing_is_woken_where_that_is_switched_off(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    sleeper = Sleeper(node)
    with gateway(node, machines=sleeper.machines(), wake_seconds=0) as door:
        asleep(door, 0)
        assert door.chat(timeout=10).status == 503
        assert sleeper.called == []
