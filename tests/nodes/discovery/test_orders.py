"""What a search may look at: nothing beyond the networks that the head is on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.discovery.errors import BeyondOwnNetworks
from cluster_ai.nodes.discovery.orders import MOST_PLACES, SearchOrder, planned
from cluster_ai.nodes.discovery.scan import DEEP_PORTS, USUAL_PORTS, Pace
from cluster_ai.nodes.discovery.scanning import USUAL
from cluster_ai.nodes.discovery.subnets import is_near
from tests.nodes.discovery.places import HOUSE, SMALL, around, loopback, network

TWO = loopback(network(SMALL, "127.9.8.1"), network("127.9.9.0/30", "127.9.9.1"))


def test_all_networks_at_usual_ports_when_nothing_is_said() -> None:
    place, wish = planned(SearchOrder(), around(TWO), USUAL)
    assert place.scope == TWO
    assert (wish.ports, wish.hosts, wish.networks, wish.names) == (USUAL_PORTS, (), True, True)


def test_one_network_or_a_part_of_it() -> None:
    place, _ = planned(SearchOrder(networks=("127.9.8.8/30",)), around(TWO), USUAL)
    assert place.scope.addresses() == ["127.9.8.9", "127.9.8.10"]
    assert not place.near("127.9.9.2"), "names lead nowhere else either"


@pytest.mark.parametrize("text", ["127.9.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "192.168.77.0/24", "8.8.8.8/32"])
def test_other_networks_are_refused_with_those_that_may_be(text: str) -> None:
    with pytest.raises(BeyondOwnNetworks) as refused:
        planned(SearchOrder(networks=(text,)), around(HOUSE), USUAL)
    assert (refused.value.path, refused.value.values["networks"]) == ("networks", SMALL)


@pytest.mark.parametrize("host", ["8.8.8.8", "127.0.0.1", "169.254.169.254", "127.9.9.2"])
def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(BeyondOwnNetworks):
        planned(SearchOrder(hosts=(host,)), around(HOUSE), USUAL)


@pytest.mark.parametrize(
    ("order", "path"),
    [
        (SearchOrder(networks=("nonsense",)), "networks"),
        (SearchOrder(networks=("127.9.8.3/28",)), "networks"),
        (SearchOrder(networks=("fd00::/64",)), "networks"),
        (SearchOrder(hosts=("attic.lan",)), "hosts"),
        (SearchOrder(hosts=("::1",)), "hosts"),
        (SearchOrder(deep=True), "deep"),
        (SearchOrder(ports="22"), "ports"),
        (SearchOrder(hosts=("127.9.8.2",), ports="0"), "ports"),
        (SearchOrder(hosts=("127.9.8.2",), ports="22", deep=True), "ports"),
        (SearchOrder(hosts=("127.9.8.2",), ports="1-65535"), "ports"),
    ],
)
def test_what_cannot_be_done_is_refused_by_field(order: SearchOrder, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        planned(order, around(HOUSE), USUAL)
    assert refused.value.path == path
    assert refused.value.hint


@given(st.ip_addresses(v=4).map(str))
def test_no_address_of_the_world_is_looked_at(address: str) -> None:
    try:
        place, wish = planned(SearchOrder(hosts=(address,)), around(HOUSE), USUAL)
    except BeyondOwnNetworks:
        assert not address.startswith("127.9.8.") or int(address.rpartition(".")[2]) > 15
    else:
        assert place.near(address)
        assert wish.hosts == (address,)


def test_a_long_look_has_more_than_a_thousand_ports_and_fits() -> None:
    _, wish = planned(SearchOrder(hosts=("127.9.8.2",), deep=True), around(HOUSE), USUAL)
    assert wish.ports == DEEP_PORTS
    assert len(set(DEEP_PORTS)) == len(DEEP_PORTS) > 1000
    assert set(USUAL_PORTS) <= set(DEEP_PORTS)
    assert len(DEEP_PORTS) * 4 <= MOST_PLACES, "of as many hosts as one may name"


@pytest.mark.parametrize("wrong", [{"hosts": ["127.9.8.2"] * 5}, {"deep": 1}, {"all": True}, {"mdns_seconds": 11}])
def test_what_is_no_order(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchOrder.model_validate(wrong)


def test_a_terminal_of_the_head_may_follow_names_into_other_private_networks() -> None:
    assert around(HOUSE).near is is_near


def test_the_pace_is_kept() -> None:
    pace = Pace(per_second=10)
    assert [round(pace.wait(5.0), 3) for _ in range(4)] == [0.0, 0.1, 0.2, 0.3]
    assert pace.wait(60.0) == 0.0, "who was late owes nothing"
