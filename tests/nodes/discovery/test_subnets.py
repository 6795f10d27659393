"""Only the networks that this machine is on are looked at, and never too much of them."""

import socket
from ipaddress import ip_address, ip_interface, ip_network
from types import SimpleNamespace
from typing import Any

import psutil
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.nodes.discovery.subnets import MOST_ADDRESSES, scope


def card(address: str, mask: str = "255.255.255.0") -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return SimpleNamespace(family=family, address=address, netmask=mask)


def told(cards: dict[str, list[Any]], down: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    found = scope(cards, {name: SimpleNamespace(isup=name not in down) for name in cards})
    return [str(one.network) for one in found.networks], {one.interface: one.why for one in found.left_out}


def test_each_reason_to_stay_away_is_told() -> None:
    networks, left = told(
        {
            "lo": [card("127.0.0.1", "255.0.0.0")],
            "eth0": [card("192.168.1.20"), card("fe80::1%eth0", "")],
            "wlan0": [card("192.168.7.3")],
            "docker0": [card("172.17.0.1", "255.255.0.0")],
            "br-0123456789ab": [card("172.18.0.1", "255.255.0.0")],
            "veth12ab": [card("10.9.9.1")],
            "virbr0": [card("192.168.122.1")],
            "tailscale0": [card("100.70.1.2", "255.255.255.255")],
            "wg0": [card("10.8.0.2")],
            "eth1": [card("169.254.3.3", "255.255.0.0")],
            "eth2": [card("8.8.4.4")],
            "eth5": [card("100.64.1.1")],
            "eth3": [card("10.1.1.1", "255.255.255.255")],
            "eth4": [card("10.2.2.2")],
        },
        down=("eth4",),
    )
    assert networks == ["192.168.1.0/24", "192.168.7.0/24"]
    assert left == {
        "lo": "loopback",
        "docker0": "containers",
        "br-0123456789ab": "containers",
        "veth12ab": "containers",
        "virbr0": "containers",
        "tailscale0": "tunnel",
        "wg0": "tunnel",
        "eth1": "link_local",
        "eth2": "public",
        "eth5": "public",
        "eth3": "narrow",
        "eth4": "down",
    }


def test_a_house_bridge_is_no_containers_bridge() -> None:
    assert told({"br0": [card("192.168.1.2")]})[0] == ["192.168.1.0/24"]


def test_of_a_wide_network_only_the_part_around_us() -> None:
    assert told({"eth0": [card("10.3.77.5", "255.0.0.0")]}) == (["10.3.76.0/22"], {"eth0": "too_wide"})


def test_there_is_an_end_to_all_of_it() -> None:
    cards = {f"eth{n}": [card(f"10.{n}.0.5", "255.255.252.0")] for n in range(10)}
    found = scope(cards, {})
    assert len(found.addresses()) <= MOST_ADDRESSES
    assert {one.why for one in found.left_out} == {"too_many"}


def test_a_network_that_two_cards_are_on_is_looked_at_once() -> None:
    cards = {"eth0": [card("192.168.1.2")], "wlan0": [card("192.168.1.3")]}
    found = scope(cards, {})
    assert len(found.addresses()) == 252
    assert found.own == {"192.168.1.2", "192.168.1.3"}


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_no_address_beyond_our_own_network_is_ever_named(address: Any, prefix: int) -> None:
    mask = str(ip_network(f"0.0.0.0/{prefix}").netmask)
    found = scope({"eth0": [card(str(address), mask)]}, {})
    whole = ip_interface(f"{address}/{prefix}").network
    named = found.addresses()
    assert len(named) <= 1022
    assert all(ip_address(one) in whole and ip_address(one).is_private for one in named)
    assert str(address) not in named


def test_the_interfaces_of_this_machine_are_understood() -> None:
    found = scope(psutil.net_if_addrs(), psutil.net_if_stats())
    assert "127.0.0.1" in found.own
