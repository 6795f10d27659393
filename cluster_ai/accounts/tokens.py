"""Access tokens: JWT signed with Ed25519 by a key of this cluster, and nothing else passes."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cluster_ai.core.errors import Misconfigured, Unauthenticated
from cluster_ai.core.paths import PRIVATE_FILE, make_secret

ALGORITHM = "EdDSA"
ISSUER = "cluster-ai"
AUDIENCE = "cluster-ai-api"
LONGEST = 4096
SKEW_SECONDS = 60
"""How far the clock of an issuer may be ahead of ours."""

_REQUIRED = ("exp", "iat", "nbf", "aud", "iss", "jti", "sub", "gen")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. ``scopes`` narrows the role when not empty; times in Unix seconds.

    ``generation`` is that of its user's password: a new password ends every token of the one before.
    """

    subject: str
    jti: str
    issued_at: int
    expires_at: int
    generation: int
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key that signs, and every key whose signatures count (at most two: today's and the one before)."""

    signer: Ed25519PrivateKey
    kid: str
    verifiers: Mapping[str, Ed25519PublicKey]

    @classmethod
    def load(cls, folder: Path) -> "SigningKeys":
        """The keys in ``folder``; the first is made there when there is none.

        Raises:
            Misconfigured: a file holds something else.
        """
        path = folder / "signing.pem"
        make_secret(path, _pem(Ed25519PrivateKey.generate()))
        signer = _read(path)
        kid = key_id(signer.public_key())
        verifiers = {kid: signer.public_key()}
        previous = folder / "signing.previous.pem"
        if previous.exists():
            old = _read(previous).public_key()
            verifiers[key_id(old)] = old
        return cls(signer, kid, verifiers)

    @staticmethod
    def rotate(folder: Path) -> None:
        """A new key signs from the next start on; tokens of the old one stay good until they expire."""
        new = folder / "signing.new.pem"
        new.unlink(missing_ok=True)
        make_secret(new, _pem(Ed25519PrivateKey.generate()))
        # Linked, then replaced: at no instant is there a moment without a signing key.
        previous = folder / "signing.previous.pem"
        previous.unlink(missing_ok=True)
        os.link(folder / "signing.pem", previous)
        new.replace(folder / "signing.pem")
        previous.chmod(PRIVATE_FILE)

    def sign(self, claims: Claims) -> str:
        """A token that says ``claims``."""
        said: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": claims.subject, "jti": claims.jti}
        said |= {"iat": claims.issued_at, "nbf": claims.issued_at, "exp": claims.expires_at, "gen": claims.generation}
        if claims.scopes:
            said["scope"] = " ".join(sorted(claims.scopes))
        return jwt.encode(said, self.signer, algorithm=ALGORITHM, headers={"kid": self.kid})

    def verify(self, token: str, *, now: float) -> Claims:
        """What ``token`` says, if it is one of ours, whole and in time.

        Raises:
            Unauthenticated: for any other text; the message never says more than the caller needs.
        """
        if len(token) > LONGEST:
            raise _refused()
        try:
            header = jwt.get_unverified_header(token)
            key = self._verifier(header)
            # Times are checked below against our own clock, strictly as integers.
            options: Any = {"require": list(_REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
            found = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as exc:
            raise _refused() from exc
        return _checked(found, now=now)

    def _verifier(self, header: Mapping[str, Any]) -> Ed25519PublicKey:
        kid = header.get("kid")
        known = isinstance(kid, str) and kid in self.verifiers
        # A header that says anything we did not write (crit, jku, jwk, x5u, another typ) is not ours.
        if not known or set(header) != {"alg", "kid", "typ"} or header["typ"] != "JWT":
            raise _refused()
        return self.verifiers[str(kid)]


def key_id(key: Ed25519PublicKey) -> str:
    """Names a key by its own content, so that no header can point anywhere."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _checked(found: Mapping[str, Any], *, now: float) -> Claims:
    numbers = [found[name] for name in ("exp", "iat", "nbf", "gen")]
    texts = [found[name] for name in ("sub", "jti")] + [found.get("scope", "")]
    if any(type(value) is not int for value in numbers) or any(not isinstance(value, str) for value in texts):
        raise _refused()
    expires, issued, not_before, generation = numbers
    if found["aud"] != AUDIENCE or issued > now + SKEW_SECONDS or not_before > now + SKEW_SECONDS:
        raise _refused()
    if expires <= now:
        values = {"about": "expired"}
        raise Unauthenticated(
            "the access token has expired", hint="ask for a new one at /api/v1/auth/token", values=values
        )
    return Claims(texts[0], texts[1], issued, expires, generation, frozenset(texts[2].split()))


def _refused() -> Unauthenticated:
    return Unauthenticated("the access token is not valid", hint="ask for a new one at /api/v1/auth/token")


def _pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii").strip()


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise Misconfigured(f"{path} holds no key", hint="remove it; a new one is made at the next start") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"{path} holds another kind of key", hint="remove it; a new one is made at the next start")
    return key
