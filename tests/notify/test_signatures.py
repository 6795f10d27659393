"""Signatures of both families: their own, those of others' programs, and what is refused."""

import base64
import hashlib
import hmac
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cluster_ai.notify.signing import Claims, check_time, key_of, secret_of, signed, verify
from cluster_ai.notify.types import SignatureRefused

KEY = bytes(range(32))
BODY = b'{"id":"e1","timestamp":1800000000}'


def lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_the_published_example_of_standard_webhooks() -> None:
    """Secret, id, time, body and signature of the specification's own libraries' tests."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(key, Claims("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330), b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_openssl_makes_the_same(tmp_path: object) -> None:
    headers = signed(KEY, Claims("e1", 1_800_000_000), BODY)
    words = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{KEY.hex()}"]
    bare = subprocess.run([*words, "-hex"], input=BODY, capture_output=True, check=True).stdout.split()[-1].decode()
    assert headers["X-Webhook-Signature"] == f"sha256={bare}"
    said = b"e1.1800000000." + BODY
    raw = subprocess.run([*words, "-binary"], input=said, capture_output=True, check=True).stdout
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(raw).decode()}"


def test_each_family_is_understood() -> None:
    headers = lowered(signed(KEY, Claims("e1", 1_800_000_000), BODY))
    assert verify(KEY, headers, BODY) == Claims("e1", 1_800_000_000)
    assert verify(KEY, {"x-webhook-signature": headers["x-webhook-signature"]}, BODY) is None


def test_one_of_several_signatures_is_enough() -> None:
    headers = lowered(signed(KEY, Claims("e1", 1), BODY))
    headers["webhook-signature"] = f"v1,AAAA v1a,zzz {headers['webhook-signature']}"
    assert verify(KEY, headers, BODY) == Claims("e1", 1)


@given(at=some.integers(min_value=0), bit=some.integers(min_value=0, max_value=7), part=some.sampled_from("bits"))
def test_any_flipped_bit_is_refused(at: int, bit: int, part: str) -> None:
    headers = lowered(signed(KEY, Claims("event-1", 1_800_000_000), BODY))
    key, body = bytearray(KEY), bytearray(BODY)

    def flip(raw: bytearray) -> None:
        raw[at % len(raw)] ^= 1 << bit

    if part == "b":
        flip(body)
    elif part == "i":
        headers["webhook-id"] = "event-2"
    elif part == "t":
        headers["webhook-timestamp"] = "1800000001"
    else:
        flip(key)
    with pytest.raises(SignatureRefused):
        verify(bytes(key), headers, bytes(body))
    if part in "bs":
        with pytest.raises(SignatureRefused):
            verify(bytes(key), {"x-webhook-signature": headers["x-webhook-signature"]}, bytes(body))


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v2,AAAA"},
        {"webhook-signature": "v1,ä"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 65},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "1" * 12},
    ],
    ids=str,
)
def test_malformed_headers_are_refused(change: dict[str, str]) -> None:
    headers = lowered(signed(KEY, Claims("e1", 1_800_000_000), BODY)) | change
    with pytest.raises(SignatureRefused):
        verify(KEY, headers, BODY)


@pytest.mark.parametrize("shown", ["", "sha256=", "sha1=00", hmac.new(KEY, BODY, hashlib.sha256).hexdigest()])
def test_bare_signature_must_say_what_it_is(shown: str) -> None:
    with pytest.raises(SignatureRefused):
        verify(KEY, {"x-webhook-signature": shown}, BODY)


@pytest.mark.parametrize(("offset", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_either_way(offset: int, good: bool) -> None:
    if good:
        check_time(1_800_000_000 + offset, now=1_800_000_000.0)
    else:
        with pytest.raises(SignatureRefused):
            check_time(1_800_000_000 + offset, now=1_800_000_000.0)


@given(some.binary(min_size=24, max_size=64))
def test_secret_is_what_it_was_made_of(random: bytes) -> None:
    assert key_of(secret_of(random)) == random


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "AAAA" * 10, "whsec_" + "A" * 100, "whsec_a b c"])
def test_other_texts_are_no_secrets(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        key_of(secret)
