"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562 section 5.7)."""

import os
import time
from typing import Final

_DRAWN: Final = 10
"""Random bytes of one."""
_AT_ONCE: Final = 256


def new_id() -> str:
    """A new UUIDv7 as 36 characters; keyset pages and B-trees like that it grows."""
    return _named(int.from_bytes(os.urandom(_DRAWN)))


class Ids:
    """Draws many of them: as ``new_id``, but the system is asked for chance once for hundreds.

    For one process: those that it is copied into by a fork would draw the same.
    """

    __slots__ = ("_chance",)

    def __init__(self) -> None:
        self._chance: list[bytes] = []

    def __call__(self) -> str:
        if not self._chance:
            drawn = os.urandom(_DRAWN * _AT_ONCE)
            self._chance = [drawn[at : at + _DRAWN] for at in range(0, len(drawn), _DRAWN)]
        return _named(int.from_bytes(self._chance.pop()))


def _named(chance: int) -> str:
    millis = time.time_ns() // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | chance
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    # uuid.UUID would check and take apart what has just been put together, at four times the price.
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
