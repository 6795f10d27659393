"""Machines of the cluster as nodes of a running gateway: who comes, who goes, who is somebody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_ai.gateway.types import UpstreamState
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.door import HI, Door, gateway
from tests.gateway.machines.rows import Lane, lane, row
from tests.ports import free_port
from tests.waiting import until


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lane]:
    made = lane(tmp_path)
    with made.api.listening():
        yield made


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(1) as running:
        yield running


@pytest.fixture
def node(fleet: Fleet) -> FakeNode:
    fleet.default()
    [one] = fleet.nodes
    one.reset_counters()
    return one


def names(door: Door) -> set[str]:
    return {found.name for found in door.state().upstreams}


def is_up(door: Door, name: str) -> bool:
    states = {found.name: found.state for found in door.state().upstreams}
    return states.get(name) is UpstreamState.HEALTHY


def ask(door: Door, name: str) -> int:
    return door.ask("/api/chat", HI | {"stream": False}, X_Cluster_Node=name).status


def test_machine_comes_serves_moves_and_goes(lan: Lane, node: FakeNode) -> None:
    with gateway(machines=lan.machines()) as door:
        assert names(door) == set()
        with lan.door(1, node.port) as port:
            lan.api.put(row("tower", 1, port))
            until(lambda: is_up(door, "tower"), what="it serves")
            assert ask(door, "tower") == 200
        with lan.door(1, node.port) as port:
            lan.api.put(row("tower", 1, port))
            until(lambda: is_up(door, "tower") and ask(door, "tower") == 200, what="it serves at another port")
        lan.api.put()
        until(lambda: not names(door), what="it is gone")


def test_list_stays_while_the_api_is_away_and_over_a_restart_of_the_gateway(lan: Lane, node: FakeNode) -> None:
    with lan.door(1, node.port) as port:
        with gateway(machines=lan.machines()) as door:
            lan.api.put(row("tower", 1, port))
            until(lambda: is_up(door, "tower"))
            lan.api.away, asked = True, lan.api.asked
            lan.api.put()
            until(lambda: lan.api.asked > asked + 2)
            assert ask(door, "tower") == 200
        with gateway(machines=lan.machines()) as door:
            until(lambda: is_up(door, "tower"), what="it is known from the last list")
            assert ask(door, "tower") == 200
            lan.api.away = False
            until(lambda: not names(door), what="the API is heard again")


def test_impostor_at_the_address_of_a_machine_hears_no_request(lan: Lane, node: FakeNode) -> None:
    before = len(node.log())
    with lan.door(2, node.port) as port, gateway(machines=lan.machines()) as door:
        # Machine 2 has a good certificate, and stands where machine 1 should be.
        lan.api.put(row("tower", 1, port))
        until(lambda: "tower" in names(door))
        until(lambda: any(found.last_error for found in door.state().upstreams))
        assert "certificate" in str([found.last_error for found in door.state().upstreams])
        assert not is_up(door, "tower")
        assert ask(door, "tower") >= 400
    assert len(node.log()) == before


def test_cordoned_machine_gets_nothing_new_and_comes_back(lan: Lane, node: FakeNode) -> None:
    with lan.door(1, node.port) as port, gateway(machines=lan.machines()) as door:
        lan.api.put(row("tower", 1, port))
        until(lambda: is_up(door, "tower"))
        with door.open(HI | {"stream": True}) as stream:
            begun = stream.recv(1)
            lan.api.put(row("tower", 1, port, drain=True))
            until(lambda: ask(door, "tower") >= 400, what="it takes nothing new")
            rest = begun
            while piece := stream.recv(65_536):
                rest += piece
        assert rest.endswith(b"0\r\n\r\n"), "what ran came to its end"
        lan.api.put(row("tower", 1, port))
        until(lambda: ask(door, "tower") == 200)


def test_machine_that_is_called_as_a_node_of_the_configuration_does_not_take_its_place(
    lan: Lane, node: FakeNode
) -> None:
    with gateway(node, machines=lan.machines()) as door:
        lan.api.put(row(node.name, 1, free_port()), row("tower", 2, free_port()))
        until(lambda: "tower" in names(door))
        assert names(door) == {node.name, "tower"}
        assert is_up(door, node.name)
        assert ask(door, node.name) == 200
        lan.api.put()
        until(lambda: names(door) == {node.name})


def test_list_that_is_none_changes_nothing(lan: Lane, node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "machines.json").write_text("{")
    with lan.door(1, node.port) as port, gateway(machines=lan.machines()) as door:
        lan.api.put(row("tower", 1, port))
        until(lambda: is_up(door, "tower"))
