"""What the rules say, without a kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.firewall.rules import Policy, script

INSIDE, DOORS = ((8786, 8786), (8790, 8821)), ((8443, 8443), (8000, 8000))


def test_members_come_to_what_is_inside_and_nobody_else() -> None:
    policy = Policy(("192.168.1.7", "192.168.1.6", "fd00::7"), INSIDE, DOORS)
    assert policy.rules() == (
        "ip saddr { 192.168.1.6/31 } tcp dport { 8786, 8790-8821 } accept",
        "ip6 saddr { fd00::7 } tcp dport { 8786, 8790-8821 } accept",
        "tcp dport { 8786, 8790-8821 } counter drop",
    )


def test_doors_are_for_the_networks_that_were_named() -> None:
    rules = Policy(("10.0.0.5",), INSIDE, DOORS, networks=("192.168.1.9/24",)).rules()
    assert rules[-2:] == (
        "ip saddr { 10.0.0.5, 192.168.1.0/24 } tcp dport { 8000, 8443 } accept",
        "tcp dport { 8000, 8443 } counter drop",
    )


@pytest.mark.parametrize(
    "said",
    [
        "fe80::1%x } accept; #",
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "::",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "tower.lan",
        "a..b",
        "1.2.3.4; flush ruleset",
    ],
)
def test_machine_that_calls_itself_more_than_one_address_opens_nothing(said: str) -> None:
    assert Policy((said,), INSIDE, DOORS).rules() == Policy((), INSIDE, DOORS).rules()


@pytest.mark.parametrize("network", ["lan", "fe80::1%x", "10.0.0.0/33", "10.0.0.0/8 } accept; #", ""])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(InvalidInput):
        Policy((), INSIDE, DOORS, networks=(network,)).rules()


@given(st.lists(st.text(max_size=60), max_size=8))
def test_no_word_of_a_machine_gets_into_the_rules(said: list[str]) -> None:
    for rule in Policy(tuple(said), INSIDE, DOORS).rules():
        assert set(rule) <= set("0123456789abcdef.:/-,{} ipsadrtcpdoportuneg")


def test_ports_of_nobody_else_are_named() -> None:
    text = script(standing=Policy((), INSIDE, DOORS).rules())
    assert "policy accept" in text
    assert "flush" not in text
    assert text.splitlines()[:2] == ["add table inet cluster_ai", "delete table inet cluster_ai"]
