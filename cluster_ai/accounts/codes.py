"""Codes of the second factor (TOTP, RFC 6238: SHA-1, 30 s, 6 digits, as every app reads them). Pure: time comes in."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

import pyotp

STEP_SECONDS: Final = 30
WINDOW: Final = 1
"""Steps that a telephone's clock may be early or late."""
SECRET_BYTES: Final = 20
"""As RFC 4226 recommends (section 4, R6)."""
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
"""80 bits: a hash without salt or costs keeps them, and nobody guesses one at the door."""
_SEPARATORS: Final = re.compile(r"[\s-]+")
_DIGITS: Final = re.compile(r"[0-9]{6}")


def plain(code: str) -> str:
    """As it is compared: people type spaces, dashes and small letters."""
    return _SEPARATORS.sub("", code).upper()


def is_recovery(code: str) -> bool:
    """Whether a plain code can be one of the recovery codes, which are longer."""
    return len(code) == RECOVERY_BYTES * 8 // 5


def matching_step(secret: str, code: str, *, now: float) -> int | None:
    """The time step whose code it is, the latest first; None: it is none of those around ``now`` (Unix seconds)."""
    if not _DIGITS.fullmatch(code):
        return None
    totp = pyotp.TOTP(secret)
    current = int(now) // STEP_SECONDS
    steps = range(current + WINDOW, max(current - WINDOW, 0) - 1, -1)
    # Each is compared, so that the time tells nobody which.
    met = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), code)]
    return met[0] if met else None


def new_secret(random: Callable[[int], bytes]) -> str:
    """A secret as apps take it: base 32."""
    return base64.b32encode(random(SECRET_BYTES)).decode("ascii")


def uri_of(secret: str, *, name: str, issuer: str) -> str:
    """The ``otpauth://`` address that apps read from a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def new_recovery_codes(random: Callable[[int], bytes]) -> tuple[str, ...]:
    """Fresh ones, as they are shown: groups of four."""
    drawn = (base64.b32encode(random(RECOVERY_BYTES)).decode("ascii") for _ in range(RECOVERY_CODES))
    return tuple("-".join(re.findall("....", one)) for one in drawn)


def recovery_digest(code: str) -> str:
    """What the database knows of a recovery code."""
    return hashlib.sha256(plain(code).encode("utf-8", "replace")).hexdigest()
