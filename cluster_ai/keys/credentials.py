"""Who shows what at the gateway's door. Pure: a decision over what came and what is known."""

import hashlib
import hmac
import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from cluster_ai.keys.types import (
    ANONYMOUS,
    INFERENCE,
    LOCAL,
    AnonymousMode,
    Caller,
    KeyRefused,
    KeyRequired,
    KeysUnavailable,
    KeyUnknown,
    Limits,
)

MARK: Final = "cai_"
SECRET_BYTES: Final = 32
NAME_BYTES: Final = 5
_WHOLE: Final = re.compile(r"cai_[a-z2-7]{8}_[A-Za-z0-9_-]{43}", re.ASCII)
_OURS: Final = re.compile(r"(?:^|[\s:,;='\"])cai_", re.IGNORECASE)
"""Anything that was meant as a key of ours, however badly it is written."""
_LONGEST: Final = 4096
_MAKE: Final = "make one with `cluster-ai key create NAME`"


@dataclass(frozen=True, slots=True)
class Minted:
    """A new secret, what people see of it, and what the database keeps."""

    secret: str
    prefix: str
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A key that is in force."""

    caller: Caller
    limits: Limits
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Known:
    """Every key in force by its digest, at one moment. ``read``: whether the database has ever been asked."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    read: bool = False


@dataclass(frozen=True)
class Rules:
    """How the door treats those without a key, and what our own processes show (empty: nothing)."""

    anonymous: AnonymousMode = "full"
    internal_token: str = ""
    resume: bool = False
    """Streams of callers without a key go on from another node when theirs dies."""
    hedge: bool = False
    """Their short calls that take unusually long are given to a second node as well."""

    @cached_property
    def nobody(self) -> Caller:
        """A caller without a key."""
        scopes = ANONYMOUS.scopes if self.anonymous == "full" else frozenset({INFERENCE})
        return replace(ANONYMOUS, scopes=scopes, resume=self.resume, hedge=self.hedge)


def mint(random: bytes) -> Minted:
    """A secret of the ``NAME_BYTES + SECRET_BYTES`` random bytes given. 256 bits need no slow hash: nobody guesses."""
    prefix = MARK + b32encode(random[:NAME_BYTES]).decode("ascii").lower()
    secret = f"{prefix}_{urlsafe_b64encode(random[NAME_BYTES:]).decode('ascii').rstrip('=')}"
    return Minted(secret, prefix, digest(secret))


def digest(secret: str) -> str:
    """What the database and the gateway know of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def identify(authorization: str, api_key: str, *, known: Known, rules: Rules, here: bool, now: float) -> Caller:
    """Who calls. A key of ours that came by either header decides, whatever the other holds.

    Args:
        authorization: the header's value; ``Bearer`` is understood, other kinds are nobody's.
        api_key: the value of ``x-api-key``.
        known: the keys in force.
        rules: of this gateway.
        here: the call comes from this machine and for nobody else.
        now: Unix seconds.

    Raises:
        KeyRefused: what was meant as a key of ours is none.
        KeyRequired: no key of ours came, and this caller needs one.
        KeysUnavailable: the keys were never read.
    """
    if not authorization and not api_key:
        return _anonymous(rules, here=here)
    shown = {_bearer(authorization), api_key.strip(" \t")} - {""}
    ours = {text for text in shown if _is_ours(text, rules)}
    if not ours:
        # Clients send something like "ollama" when nobody gave them a key.
        return _anonymous(rules, here=here)
    if len(ours) > 1:
        raise KeyRefused("two different keys came with one request", hint="send one")
    text = ours.pop()
    if text == rules.internal_token:
        return LOCAL
    return _holder(text, known, now=now)


def _holder(text: str, known: Known, *, now: float) -> Caller:
    if _WHOLE.fullmatch(text) is None:
        raise KeyRefused("that is not a whole key", hint="send it as `Authorization: Bearer cai_...` or in x-api-key")
    if not known.read:
        raise KeysUnavailable("the keys cannot be read yet", retry_after=1.0)
    entry = known.entries.get(digest(text))
    if entry is None:
        raise KeyUnknown("the key is unknown or revoked", hint=_MAKE)
    if entry.expires_at is not None and entry.expires_at <= now:
        raise KeyRefused("the key has expired", hint=_MAKE)
    return entry.caller


def _bearer(authorization: str) -> str:
    """The token of ``Bearer``; any other value as it came, so that a key in it is not taken for nothing."""
    scheme, _, rest = authorization.strip(" \t").partition(" ")
    return rest.strip(" \t") if scheme.lower() == "bearer" else authorization.strip(" \t")


def _is_ours(text: str, rules: Rules) -> bool:
    token = rules.internal_token
    if token and hmac.compare_digest(text.encode("utf-8", "replace"), token.encode("utf-8", "replace")):
        return True
    return _OURS.search(text[:_LONGEST]) is not None


def _anonymous(rules: Rules, *, here: bool) -> Caller:
    if not here or rules.anonymous == "off":
        raise KeyRequired("this gateway wants a key", hint=_MAKE)
    return rules.nobody
