"""Checks a signature of the cluster's authority: ECDSA on P-256 with SHA-256 (FIPS 186-5, 6.4.2).

Python's own library alone: a machine that joins has no package yet, and must know whose software it unfolds before
it runs any of it. Nothing secret is handled here, so nothing can leak by how long it takes; whatever signs uses
``cryptography``.
"""

import hashlib
from typing import Final

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# SubjectPublicKeyInfo of a P-256 key, up to its uncompressed point (RFC 5480).
_KEY_FOLLOWS: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_SIZE: Final = 32
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02

Point = tuple[int, int]


def key_of(certificate: bytes) -> Point:
    """The public key in a certificate (DER) that is known to be genuine, by its fingerprint.

    Raises:
        ValueError: it has no P-256 key.
    """
    at = certificate.find(_KEY_FOLLOWS) + len(_KEY_FOLLOWS)
    raw = certificate[at : at + 2 * _SIZE]
    point = int.from_bytes(raw[:_SIZE], "big"), int.from_bytes(raw[_SIZE:], "big")
    if at < len(_KEY_FOLLOWS) or len(raw) != 2 * _SIZE or not _is_on_curve(point):
        raise ValueError("the certificate has no P-256 key")
    return point


def is_signed(message: bytes, signature: bytes, key: Point) -> bool:
    """Whether ``signature`` (DER) over ``message`` was made by the owner of ``key``."""
    try:
        r, s = _numbers(signature)
    except (ValueError, IndexError):
        return False
    if not (0 < r < _N and 0 < s < _N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, _N)
    found = _add(_times(_G, digest * inverse % _N), _times(key, r * inverse % _N))
    return found is not None and found[0] % _N == r


def _numbers(signature: bytes) -> tuple[int, int]:
    """Of ``SEQUENCE { r INTEGER, s INTEGER }``, whole and nothing behind it."""
    if signature[0] != _SEQUENCE or signature[1] != len(signature) - 2:
        raise ValueError("no sequence")
    r, rest = _number(signature[2:])
    s, rest = _number(rest)
    if rest:
        raise ValueError("something follows")
    return r, s


def _number(raw: bytes) -> tuple[int, bytes]:
    length = raw[1]
    if raw[0] != _INTEGER or not 0 < length <= _SIZE + 1 or len(raw) < 2 + length:
        raise ValueError("no number")
    return int.from_bytes(raw[2 : 2 + length], "big", signed=True), raw[2 + length :]


def _is_on_curve(point: Point) -> bool:
    x, y = point
    return x < _P and y < _P and (y * y - x**3 + 3 * x - _B) % _P == 0


def _add(one: Point | None, other: Point | None) -> Point | None:
    """Sum of two points of the curve; None is the one at infinity."""
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _times(point: Point, factor: int) -> Point | None:
    total: Point | None = None
    power: Point | None = point
    while factor:
        if factor & 1:
            total = _add(total, power)
        power = _add(power, power)
        factor >>= 1
    return total
