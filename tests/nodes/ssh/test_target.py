"""What a person types as a machine becomes a host, a user and a port, or is refused."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.ssh.target import Target, chain, parse


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("shelf", Target("shelf", "me")),
        ("ana@shelf.lan", Target("shelf.lan", "ana")),
        ("ana@shelf:2222", Target("shelf", "ana", 2222)),
        ("10.0.0.7", Target("10.0.0.7", "me")),
        ("ana@[fe80::1]:22", Target("fe80::1", "ana")),
        ("fd00::7", Target("fd00::7", "me")),
        ("ana@fd00::7", Target("fd00::7", "ana")),
        ("raspberry_pi.local.", Target("raspberry_pi.local.", "me")),
    ],
)
def test_ways_to_write_a_machine(text: str, target: Target) -> None:
    assert parse(text, user="me") == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=id",
        "ana@-oProxyCommand=id",
        "-l@host",
        "ana@host;id",
        "ana@host id",
        "ana;id@host",
        "a@b@c",
        "@host",
        "ana@",
        "host:",
        "host:0",
        "host:65536",
        "host:+22",
        "host:\uff12\uff12",
        "host:22:22",
        "[host]:22",
        "[fe80::1",
        "fe80::1%eth0",
        "[fe80::1%25eth0]:22",
        "host\nother ssh-ed25519 AAAA",
        "host\x00",
        "host%h",
        "$(id)",
        "`id`",
        "127.1",
        "2130706433",
        "999.1.1.1",
        "*.lan",
        "héte",
        "a" * 254,
        "x." * 200,
        "host,other",
        "|1|a|b",
    ],
)
def test_what_is_no_machine(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text, user="me")


def test_machines_to_go_through() -> None:
    assert chain("a, ana@b:23", user="me") == (Target("a", "me"), Target("b", "ana", 23))
    assert chain("", user="me") == ()
    with pytest.raises(InvalidInput):
        chain("a,,b", user="me")
    with pytest.raises(InvalidInput):
        Target("a", "me", jumps=(Target("b", "me"),) * 9)


@given(st.text(max_size=60))
@example("a@" + "-x")
def test_nothing_that_passes_could_be_an_option_or_a_command(text: str) -> None:
    try:
        target = parse(text, user="me")
    except InvalidInput:
        return
    safe = set(string.ascii_letters + string.digits + "._-$:")
    for part in (target.host, target.user):
        assert part
        assert not part.startswith("-")
        assert set(part) <= safe
    assert parse(str(target), user="other") == target
