"""Waking a machine: the packet, and the wire that it goes out on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.inventory import Network
from cluster_ai.nodes.wake import EVERYWHERE, TIMES, CannotWake, Shout, magic_packet, own_addresses, shouts, wake

ROOT = Path(__file__).parents[2]
WIRES = {"wire0": "10.77.0.1/24", "wire1": "10.77.1.1/24"}
MAC = "02:42:ac:11:00:02"


def test_a_packet_is_six_ones_and_sixteen_times_the_address() -> None:
    packet = magic_packet("02-42-AC-11-00-02")
    assert len(packet) == 102
    assert packet[:6] == b"\xff" * 6
    assert packet[6:] == bytes.fromhex("0242ac110002") * 16


@pytest.mark.parametrize("mac", ["", "02:42:ac:11:00", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "zz:42:ac:11:00:02"])
def test_what_no_machine_has_is_refused(mac: str) -> None:
    with pytest.raises(InvalidInput):
        magic_packet(mac)


def test_the_interface_on_its_network_is_the_one() -> None:
    ours = ["127.0.0.1/8", "192.168.1.10/24", "10.8.0.2/16", "fe80::1/64"]
    assert shouts(["192.168.1.77/24", "fe80::2/64"], ours) == (Shout("192.168.1.10", "192.168.1.255"),)


def test_a_machine_from_elsewhere_is_called_on_all_networks() -> None:
    ours = ["192.168.1.10/24", "10.8.0.2/16", "100.64.0.1/32"]
    expected = (Shout("192.168.1.10", "192.168.1.255"), Shout("10.8.0.2", "10.8.255.255"))
    assert shouts(["172.16.0.5/24"], ours) == expected


def test_without_any_network_the_system_chooses() -> None:
    assert shouts(["192.168.1.77/24"], ["not an address"]) == (Shout("", EVERYWHERE),)


def test_the_packet_goes_out_on_the_right_network() -> None:
    # In a network of its own with two interfaces, both of which lead nowhere.
    lines = ["ip link set lo up"]
    for name, address in WIRES.items():
        lines += [f"ip link add {name} type veth peer name {name}e", f"ip addr add {address} brd + dev {name}"]
        lines += [f"ip link set {name} up", f"ip link set {name}e up"]
    here = f"PYTHONPATH={ROOT} exec {sys.executable} {Path(__file__).with_name('waking.py')}"
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", "\n".join([*lines, here])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {"sent": TIMES, "from": "10.77.1.1", "packet": magic_packet(MAC).hex()}


def test_a_machine_that_never_told_an_address_cannot_be_woken() -> None:
    with pytest.raises(CannotWake) as refused:
        wake([Network(name="wg0")], ours=[])
    assert refused.value.hint


def test_our_own_addresses_have_their_network() -> None:
    assert any(address.startswith("127.") and "/" in address for address in own_addresses())
