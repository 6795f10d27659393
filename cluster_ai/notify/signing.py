"""Signatures of webhooks, of both families of headers. Pure.

Standard Webhooks (standardwebhooks.com, specification 1.0): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,BASE64`` of HMAC-SHA256 over ``id.timestamp.body``. Beside it ``X-Webhook-Signature:
sha256=HEX`` of HMAC-SHA256 over the body alone, for receivers that know only that.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cluster_ai.notify.types import SignatureRefused

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
LEAST_BYTES, MOST_BYTES = 24, 64
TOLERANCE_SECONDS: Final = 300
"""How far the sender's clock may be from ours."""
LONGEST_ID: Final = 64
_MOST_SIGNATURES: Final = 8
ID, TIMESTAMP, SIGNATURE, BARE = "webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a sender says of its message. ``timestamp`` in Unix seconds."""

    id: str
    timestamp: int


def secret_of(random: bytes) -> str:
    """A secret as people carry it."""
    return PREFIX + base64.b64encode(random).decode("ascii")


def key_of(secret: str) -> bytes:
    """The bytes that sign.

    Raises:
        ValueError: it is no secret of a webhook.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as exc:
        raise ValueError("the secret is not base64") from exc
    if not secret.startswith(PREFIX) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"a secret is {PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} bytes")
    return key


def signed(key: bytes, claims: Claims, body: bytes) -> dict[str, str]:
    """The headers of both families."""
    return {
        ID: claims.id,
        TIMESTAMP: str(claims.timestamp),
        SIGNATURE: f"v1,{_standard(key, claims.id, str(claims.timestamp), body)}",
        "X-Webhook-Signature": f"sha256={_bare(key, body)}",
    }


def verify(key: bytes, headers: Mapping[str, str], body: bytes) -> Claims | None:
    """What a sender that has ``key`` claims; None when it signed the body alone, and so claims nothing beside it.

    Args:
        key: as ``key_of`` answers it.
        headers: names in lower case.
        body: as it came.

    Raises:
        SignatureRefused: no header of either family, or one that is not right.
    """
    if SIGNATURE in headers:
        return _verify_standard(key, headers, body)
    shown = headers.get(BARE, "")
    if not shown:
        raise SignatureRefused("there is no signature", hint=f"send {SIGNATURE} or X-Webhook-Signature")
    if not _equal(shown, f"sha256={_bare(key, body)}"):
        raise SignatureRefused("the signature is not that of this body")
    return None


def check_time(timestamp: int, *, now: float) -> None:
    """Refuses a message from another time.

    Raises:
        SignatureRefused: its clock is more than five minutes from ours.
    """
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise SignatureRefused("the message is not from now", hint="set the sender's clock")


def _verify_standard(key: bytes, headers: Mapping[str, str], body: bytes) -> Claims:
    name, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not 0 < len(name) <= LONGEST_ID or not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > 11:  # noqa: PLR2004
        raise SignatureRefused(f"{ID} and {TIMESTAMP} must come with the signature")
    right = f"v1,{_standard(key, name, timestamp, body)}"
    # Several may stand there, while a sender changes its secret.
    if not any(_equal(shown, right) for shown in headers[SIGNATURE].split(" ")[:_MOST_SIGNATURES]):
        raise SignatureRefused("the signature is not that of this message")
    return Claims(name, int(timestamp))


def _standard(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    said = name.encode("utf-8", "replace") + b"." + timestamp.encode("ascii") + b"." + body
    return base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode("ascii")


def _bare(key: bytes, body: bytes) -> str:
    return hmac.digest(key, body, hashlib.sha256).hex()


def _equal(shown: str, right: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), right.encode("ascii"))
