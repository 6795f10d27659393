"""Tokens that are not ours: each published trick, and each claim missing, wrong or of another kind."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cluster_ai.accounts.tokens import AUDIENCE, ISSUER, Claims, SigningKeys
from cluster_ai.core.errors import Misconfigured, Unauthenticated

NOW = 1_800_000_000.0
GOOD = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u",
    "jti": "j",
    "iat": int(NOW),
    "nbf": int(NOW),
    "exp": int(NOW) + 60,
    "gen": 1,
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    return SigningKeys.load(tmp_path_factory.mktemp("keys"))


def signed(keys: SigningKeys, claims: dict, **header: object) -> str:
    return jwt.encode(claims, keys.signer, algorithm="EdDSA", headers={"kid": keys.kid} | header)


def by_hand(header: dict, claims: dict, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_our_own_passes(keys: SigningKeys) -> None:
    claims = Claims("u", "j", int(NOW), int(NOW) + 60, 1, frozenset({"chat:write"}))
    assert keys.verify(keys.sign(claims), now=NOW) == claims
    assert keys.verify(signed(keys, GOOD), now=NOW).subject == "u"


@pytest.mark.parametrize("name", sorted(GOOD))
def test_each_claim_is_required(keys: SigningKeys, name: str) -> None:
    with pytest.raises(Unauthenticated):
        keys.verify(signed(keys, {key: value for key, value in GOOD.items() if key != name}), now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": int(NOW)}, {"exp": int(NOW) - 1}, {"exp": str(int(NOW) + 60)}, {"exp": NOW + 60.5}, {"exp": True}, {"exp": None},
        {"iat": int(NOW) + 120}, {"nbf": int(NOW) + 120}, {"iat": "0"}, {"aud": "other"}, {"aud": [AUDIENCE]}, {"aud": []},
        {"iss": "other"}, {"sub": 7}, {"sub": ""} | {"sub": None}, {"jti": 1}, {"gen": "1"}, {"scope": ["a:b"]},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_claims(keys: SigningKeys, wrong: dict) -> None:
    with pytest.raises(Unauthenticated):
        keys.verify(signed(keys, GOOD | wrong), now=NOW)


def test_clock_of_the_issuer_may_be_a_little_ahead(keys: SigningKeys) -> None:
    ahead = {"iat": int(NOW) + 59, "nbf": int(NOW) + 59, "exp": int(NOW) + 200}
    assert keys.verify(signed(keys, GOOD | ahead), now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../../dev/null"}, {"kid": ""}, {"kid": None}, {"kid": ["x"]}, {"crit": ["exp"]}, {"typ": "other"},
        {"jku": "http://evil.test/keys"}, {"x5u": "http://evil.test"}, {"jwk": {}}, {"b64": False, "crit": ["b64"]},
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_we_do_not_write(keys: SigningKeys, header: dict) -> None:
    token = by_hand({"alg": "EdDSA", "typ": "JWT", "kid": keys.kid} | header, GOOD)
    body = token.rpartition(".")[0].encode()
    signature = base64.urlsafe_b64encode(keys.signer.sign(body)).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated):
        keys.verify(f"{body.decode()}.{signature}", now=NOW)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS256", "ES256", "EdDSA2", ""])
def test_other_algorithms(keys: SigningKeys, algorithm: str) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": keys.kid}
    public = keys.signer.public_key()
    for secret in (
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ):
        body = by_hand(header, GOOD).rpartition(".")[0]
        signature = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), hashlib.sha256)).rstrip(b"=").decode()
        for token in (by_hand(header, GOOD), f"{body}.{signature}"):
            with pytest.raises(Unauthenticated):
                keys.verify(token, now=NOW)


def test_foreign_keys(keys: SigningKeys) -> None:
    other = Ed25519PrivateKey.generate()
    rsa = generate_private_key(65537, 2048)
    for token in (
        jwt.encode(GOOD, other, algorithm="EdDSA", headers={"kid": keys.kid}),
        jwt.encode(GOOD, rsa, algorithm="RS256", headers={"kid": keys.kid}),
    ):
        with pytest.raises(Unauthenticated):
            keys.verify(token, now=NOW)


def test_changed_and_shapeless_tokens(keys: SigningKeys) -> None:
    token = signed(keys, GOOD)
    head, body, signature = token.split(".")
    more = base64.urlsafe_b64encode(json.dumps(GOOD | {"sub": "admin"}).encode()).rstrip(b"=").decode()
    shapes = [
        f"{head}.{more}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        "",
        ".",
        "..",
        "a.b.c",
        token + "x",
        "x" + token,
        "é.é.é",
    ]
    for shape in shapes:
        with pytest.raises(Unauthenticated):
            keys.verify(shape, now=NOW)
    began = time.thread_time()
    with pytest.raises(Unauthenticated):
        keys.verify("x" * 10_000_000, now=NOW)
    assert time.thread_time() - began < 0.05, "ten megabytes are not even looked at"


def test_rotation_keeps_the_last_key_alive_and_no_older_one(tmp_path: Path) -> None:
    first = SigningKeys.load(tmp_path)
    SigningKeys.rotate(tmp_path)
    second = SigningKeys.load(tmp_path)
    assert second.kid != first.kid
    assert second.verify(signed(first, GOOD), now=NOW)
    SigningKeys.rotate(tmp_path)
    third = SigningKeys.load(tmp_path)
    assert third.verify(signed(second, GOOD), now=NOW)
    with pytest.raises(Unauthenticated):
        third.verify(signed(first, GOOD), now=NOW)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_file_that_is_no_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "signing.pem").write_text("not a key")
    with pytest.raises(Misconfigured, match="holds no key"):
        SigningKeys.load(tmp_path)
