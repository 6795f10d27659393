"""Looks at the header of a GGUF file while the file goes by: what cannot be true is stopped before a node has it whole.

Loaders of such files have been made to read beyond them by headers that lie about sizes. Only that is judged here: what
kind of model it is, and whether a node can load it, is the node's to say. Format: GGUF 2 and 3, little-endian (ggml,
docs/gguf.md); any other blob passes unseen.
"""

import struct
from collections.abc import Generator
from typing import Final, NoReturn

from cluster_ai.core.errors import InvalidInput
from cluster_ai.engines.gguf_check import (
    MAGIC,
    MAX_ALIGNMENT,
    MAX_ARRAY,
    MAX_HEADER,
    MAX_KEY_BYTES,
    MAX_KEYS,
    MAX_SIDES,
    MAX_TENSOR_NAME,
    MAX_TENSORS,
    VERSIONS,
)
from cluster_ai.engines.gguf_words import TENSOR_TYPES

_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32: Final = 4
_STRING: Final = 8
_ARRAY: Final = 9
_ALIGNMENT: Final = b"general.alignment"
_INT64_MAX: Final = 2**63 - 1
_U64: Final = struct.Struct("<Q")
_U32: Final = struct.Struct("<I")

Walk = Generator[None, None, None]
"""Stops where more bytes are needed, and goes on when they are there."""


class BrokenBlob(InvalidInput):
    """The header of a GGUF file claims what cannot be true."""

    code = "broken_blob"


class Scan:
    """Of one blob. ``end`` is where its data ends by its own account, in bytes; 0 until that is known."""

    def __init__(self) -> None:
        self.end = 0
        self._walk: Walk | None = self._header()
        self._bytes = bytearray()
        self._at = 0
        self._gone = 0
        """Bytes that were looked at and let go."""
        self._alignment = 32

    @property
    def looks(self) -> bool:
        """Whether it wants to see more."""
        return self._walk is not None

    def feed(self, piece: bytes) -> None:
        """The next bytes.

        Raises:
            BrokenBlob: with the reason.
        """
        if self._walk is None:
            return
        self._bytes += piece
        try:
            next(self._walk)
        except StopIteration:
            self._walk = None
            self._bytes.clear()
            return
        del self._bytes[: self._at]
        self._gone += self._at
        self._at = 0

    def measure(self, total: int) -> None:
        """The blob will have ``total`` bytes.

        Raises:
            BrokenBlob: they are fewer than its header claims.
        """
        if total < self.end:
            _refuse(f"the file has {total} of {self.end} bytes")

    def finish(self, total: int) -> None:
        """Those were all ``total`` bytes.

        Raises:
            BrokenBlob: they end in the header, or are fewer than it claims.
        """
        if self._walk is not None and (self._gone or self._bytes.startswith(MAGIC)):
            _refuse("the file ends in its header")
        self.measure(total)

    # -- the walk

    def _header(self) -> Walk:
        yield from self._has(8)
        if self._take(len(MAGIC)) != MAGIC or self._u32() not in VERSIONS:
            return
        yield from self._has(16)
        tensors, keys = self._u64(), self._u64()
        if tensors > MAX_TENSORS or keys > MAX_KEYS:
            _refuse(f"it claims {tensors} tensors and {keys} keys")
        for _ in range(keys):
            yield from self._pair()
        needed = 0
        for _ in range(tensors):
            yield from self._has(8)
            yield from self._skip(self._bounded(MAX_TENSOR_NAME, "a tensor's name"))
            needed = max(needed, (yield from self._tensor()))
        begin = -(-(self._gone + self._at) // self._alignment) * self._alignment
        self.end = begin + needed if needed else 0

    def _pair(self) -> Walk:
        yield from self._has(8)
        length = self._bounded(MAX_KEY_BYTES, "a key")
        yield from self._has(length + 4)
        key, kind = self._take(length), self._u32()
        if kind == _ARRAY:
            yield from self._array()
        elif kind == _STRING:
            yield from self._text()
        elif kind not in _SIZES:
            _refuse(f"a key has the unknown type {kind}")
        elif key == _ALIGNMENT and kind == _UINT32:
            yield from self._has(4)
            self._alignment = self._u32()
            if not 0 < self._alignment <= MAX_ALIGNMENT:
                _refuse(f"the alignment cannot be {self._alignment}")
        else:
            yield from self._skip(_SIZES[kind])

    def _text(self) -> Walk:
        yield from self._has(8)
        yield from self._skip(self._bounded(MAX_HEADER, "a text"))

    def _array(self) -> Walk:
        yield from self._has(12)
        kind, count = self._u32(), self._u64()
        if count > MAX_ARRAY:
            _refuse(f"an array claims {count} elements")
        if kind == _STRING:
            for _ in range(count):
                yield from self._text()
        elif kind in _SIZES:
            yield from self._skip(count * _SIZES[kind])
        else:
            _refuse(f"an array has the type {kind}")

    def _tensor(self) -> Generator[None, None, int]:
        """Where its data ends, from the beginning of all data; 0 for a type that is not known here."""
        yield from self._has(4)
        sides = self._u32()
        if sides > MAX_SIDES:
            _refuse(f"a tensor has {sides} dimensions")
        yield from self._has(sides * 8 + 12)
        elements = 1
        for _ in range(sides):
            elements *= self._u64()
            if not 0 <= elements <= _INT64_MAX:
                _refuse("a tensor has an impossible shape")
        kind, offset = self._u32(), self._u64()
        if offset > _INT64_MAX:
            _refuse("a tensor lies beyond any file")
        if kind not in TENSOR_TYPES:
            return 0
        _, block, size = TENSOR_TYPES[kind]
        return offset + elements // block * size

    # -- bytes

    def _has(self, count: int) -> Walk:
        while len(self._bytes) - self._at < count:
            yield
        if self._gone + self._at + count > MAX_HEADER:
            _refuse(f"the header is larger than {MAX_HEADER} bytes")

    def _skip(self, count: int) -> Walk:
        while count > (here := len(self._bytes) - self._at):
            count -= here
            self._at += here
            yield
        self._at += count
        if self._gone + self._at > MAX_HEADER:
            _refuse(f"the header is larger than {MAX_HEADER} bytes")

    def _take(self, count: int) -> bytes:
        self._at += count
        return bytes(self._bytes[self._at - count : self._at])

    def _u32(self) -> int:
        self._at += 4
        return int(_U32.unpack_from(self._bytes, self._at - 4)[0])

    def _u64(self) -> int:
        self._at += 8
        return int(_U64.unpack_from(self._bytes, self._at - 8)[0])

    def _bounded(self, most: int, what: str) -> int:
        length = self._u64()
        if length > most:
            _refuse(f"{what} claims {length} bytes")
        return length


def _refuse(reason: str) -> NoReturn:
    raise BrokenBlob(f"this is no GGUF file that could be true: {reason}")
