"""Who is who by what they show; hostile headers are refused by a function that reads no database."""

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.gateway.gate import Gate
from cluster_ai.keys.credentials import Entry, Known, Rules, digest, identify, mint
from cluster_ai.keys.meter import Meter
from cluster_ai.keys.opening import Ring
from cluster_ai.keys.types import (
    ANONYMOUS,
    INFERENCE,
    LOCAL,
    MANAGE,
    Caller,
    KeyRefused,
    KeyRequired,
    KeysUnavailable,
    Limits,
)

KEY, OTHER, OLD = (mint(bytes([number]) * 37) for number in (1, 2, 3))
INTERNAL = "internal-token-of-these-tests"
HOLDER = Caller("id-1", "laptop", frozenset({INFERENCE}), models=("a",))
KNOWN = Known(
    {
        KEY.digest: Entry(HOLDER, Limits(), None),
        OTHER.digest: Entry(Caller("id-2", "other", frozenset({INFERENCE})), Limits(), 2000.0),
    },
    read=True,
)
RULES = Rules("full", INTERNAL)


def who(
    authorization: str = "", api_key: str = "", *, rules: Rules = RULES, here: bool = True, now: float = 1000.0
) -> Caller:
    return identify(authorization, api_key, known=KNOWN, rules=rules, here=here, now=now)


def test_a_secret_has_256_random_bits_and_shows_its_first_letters() -> None:
    assert KEY.secret.startswith(KEY.prefix + "_")
    assert len(KEY.prefix) == len("cai_ab12cd34")
    assert len(KEY.secret) == len("cai_ab12cd34_") + 43
    assert digest(KEY.secret) == KEY.digest
    assert len({mint(bytes(36) + bytes([n])).secret for n in range(256)}) == 256, "every bit counts"


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        (f"Bearer {KEY.secret}", ""),
        (f"bearer {KEY.secret}", ""),
        (f"BEARER   {KEY.secret}  ", ""),
        ("", KEY.secret),
        ("", f" {KEY.secret}\t"),
        (f"Bearer {KEY.secret}", KEY.secret),
        ("Bearer ollama", KEY.secret),
        (f"Bearer {KEY.secret}", "dummy"),
        ("Basic dXNlcjpwYXNz", KEY.secret),
    ],
)
@pytest.mark.parametrize("here", [True, False])
def test_key_is_known_by_every_channel_and_beside_anything_else(authorization: str, api_key: str, here: bool) -> None:
    assert who(authorization, api_key, here=here) is HOLDER


@pytest.mark.parametrize("shown", ["", "Bearer ollama", "Bearer sk-1234", "Bearer ", "Basic dTpw", "Bearer lm-studio"])
def test_what_clients_send_without_a_key_is_anonymous_on_this_machine_only(shown: str) -> None:
    assert who(shown) == ANONYMOUS
    assert who(shown, "no-key-required") == ANONYMOUS
    assert who(shown, rules=Rules("inference")).scopes == {INFERENCE}
    for refused in (Rules("off"), Rules("off", INTERNAL)):
        with pytest.raises(KeyRequired):
            who(shown, rules=refused)
    for mode in ("full", "inference", "off"):
        with pytest.raises(KeyRequired):
            who(shown, rules=Rules(mode), here=False)


def test_our_own_processes_are_known_by_their_token() -> None:
    assert who(f"Bearer {INTERNAL}", rules=Rules("off", INTERNAL)) is LOCAL
    assert LOCAL.scopes == {INFERENCE, MANAGE}
    assert who("Bearer ", rules=Rules("full", "")) == ANONYMOUS, "no token is no password"
    with pytest.raises(KeyRequired):
        who("Bearer ", rules=Rules("off", ""))


def test_expired_is_refused_from_its_second_on() -> None:
    assert who(f"Bearer {OTHER.secret}", now=1999.9).key_id == "id-2"
    with pytest.raises(KeyRefused, match="expired"):
        who(f"Bearer {OTHER.secret}", now=2000.0)


def test_two_keys_at_once_are_refused_whichever_comes_first() -> None:
    for one, two in ((KEY, OTHER), (OTHER, KEY), (KEY, OLD), (OLD, KEY)):
        with pytest.raises(KeyRefused):
            who(f"Bearer {one.secret}", two.secret)
    with pytest.raises(KeyRefused):
        who(f"Bearer {INTERNAL}", KEY.secret)


def test_before_the_first_reading_a_key_is_asked_to_wait_and_others_are_not() -> None:
    unread = Known()
    with pytest.raises(KeysUnavailable):
        identify(f"Bearer {KEY.secret}", "", known=unread, rules=RULES, here=True, now=0.0)
    assert identify("Bearer ollama", "", known=unread, rules=RULES, here=True, now=0.0) == ANONYMOUS


HOSTILE = [
    OLD.secret,
    KEY.secret[:-1],
    KEY.secret + "A",
    KEY.secret + "\x00",
    KEY.secret + "\n",
    KEY.secret.upper(),
    KEY.secret.replace("_", "-").replace("cai-", "cai_"),
    f"{KEY.secret} {KEY.secret}",
    f"{KEY.secret},{KEY.secret}",
    f"{KEY.secret}' OR '1'='1",
    "cai_' OR 1=1 --",
    'cai_" UNION SELECT digest FROM api_keys --',
    "cai_; DROP TABLE api_keys",
    "cai_%00%0d%0aX-Admin: 1",
    "cai_${jndi:ldap://x}",
    "cai_../../../../etc/passwd",
    "cai_" + "a" * 8 + "_" + "A" * 1_000_000,
    "cai_" + "\u0430" * 8 + "_" + "A" * 43,
    "cai_" + "\uff41" * 8 + "_" + "\uff21" * 43,
    "cai_" + "\ud800" * 43,
    "CAI_" + KEY.secret[4:],
    "cai_",
    "cai_*",
    "cai_%",
    f'"{KEY.secret}"',
    f"key={KEY.secret}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
@pytest.mark.parametrize("here", [True, False])
def test_what_looks_like_a_key_and_is_none_is_refused_by_every_channel(text: str, here: bool) -> None:
    for authorization, api_key in ((f"Bearer {text}", ""), (text, ""), ("", text), ("Bearer ollama", text)):
        with pytest.raises(KeyRefused):
            who(authorization, api_key, here=here)
    assert who(f"Bearer {KEY.secret}") is HOLDER


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=400, deadline=None)
def test_no_text_but_the_key_opens_the_door(authorization: str, api_key: str) -> None:
    try:
        caller = who(authorization, api_key, here=False)
    except (KeyRefused, KeyRequired):
        return
    assert caller is HOLDER
    assert KEY.secret in authorization + api_key


@given(st.text(string.printable, max_size=60), st.text(string.printable, max_size=60))
@settings(max_examples=200, deadline=None)
def test_something_around_a_key_never_makes_it_anonymous(before: str, after: str) -> None:
    for here in (True, False):
        try:
            caller = who(f"Bearer {before} {KEY.secret}{after}", here=here)
        except KeyRefused:
            continue
        assert caller is HOLDER


def gate(mode: str = "full") -> Gate:
    rules = Rules(mode, INTERNAL)
    return Gate(Ring(rules, lambda: 1000.0, Meter(now=lambda: 1000.0)))


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.3.2.1"])
def test_callers_from_this_machine_need_no_key(peer: str) -> None:
    assert gate().admit([(b"host", b"x"), (b"authorization", b"Bearer ollama")], peer=peer) == ANONYMOUS


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.168.1.7", "fe80::1", "", None, "::ffff:10.0.0.1"])
def test_callers_from_elsewhere_do(peer: str | None) -> None:
    with pytest.raises(KeyRequired):
        gate().admit([(b"host", b"127.0.0.1")], peer=peer)


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-real-ip", b"x-forwarded-host"])
def test_proxy_on_this_machine_is_not_this_machine(header: bytes) -> None:
    with pytest.raises(KeyRequired):
        gate().admit([(header, b"127.0.0.1")], peer="127.0.0.1")


def test_same_header_twice_is_refused_when_they_differ_in_either_order() -> None:
    one, two = (b"authorization", b"Bearer ollama"), (b"authorization", f"Bearer {INTERNAL}".encode())
    for headers in ([one, two], [two, one]):
        with pytest.raises(KeyRefused):
            gate().admit(headers, peer="127.0.0.1")
    assert gate().admit([two, two], peer="10.0.0.1") is LOCAL


def test_the_door_costs_microseconds() -> None:
    headers = [(b"host", b"x"), (b"user-agent", b"y"), (b"authorization", b"Bearer sk-1234567890")] * 1
    door, began = gate(), time.perf_counter()
    for _ in range(2000):
        door.admit(headers, peer="127.0.0.1")
    assert (time.perf_counter() - began) / 2000 < 0.0005
