"""The header of a GGUF file, read while it comes: from a disk or from another machine, never more than is needed.

Format: GGUF 2 and 3, little-endian (ggml, docs/gguf.md). Counts and sizes are bounded as in ``engines.gguf_check``:
who reads a stranger's header must not be made to reserve what it claims.
"""

import struct
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from cluster_ai.engines.gguf_check import (
    MAGIC,
    MAX_ARRAY,
    MAX_HEADER,
    MAX_KEY_BYTES,
    MAX_KEYS,
    MAX_SIDES,
    MAX_TENSOR_NAME,
    MAX_TENSORS,
    MAX_TEXT,
    VERSIONS,
    BrokenModel,
)
from cluster_ai.engines.gguf_words import TENSOR_TYPES

KEPT_ARRAY: Final = 4096
"""Longest array of numbers that is kept: one for each block of a model. Vocabularies are only counted."""
_STRING: Final = 8
_ARRAY: Final = 9
_CODES: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_FORMS: Final = {kind: struct.Struct(f"<{code}") for kind, code in _CODES.items()}
_U32: Final = _FORMS[4]
_U64: Final = _FORMS[10]
_INT64_MAX: Final = 2**63 - 1
_PIECE: Final = 1024 * 1024

Walk = Generator[None, None, Any]
"""Stops where more bytes are needed, and goes on when they are there."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """``size`` in bytes; ``shape`` with the row's length first."""

    name: str
    shape: tuple[int, ...]
    size: int


@dataclass(slots=True)
class Header:
    """What the file says of itself. Of arrays that are not kept, ``counts`` has the number of elements."""

    values: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)

    def whole(self, key: str, default: int = 0) -> int:
        """A number that is no fraction, not negative and below 2^31; else ``default``."""
        value = self.values.get(key)
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
        return value if fits else default  # type: ignore[return-value]


class HeaderReader:
    """Fed with the file's bytes from its beginning until ``header`` is there."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self._found = Header()
        self._bytes = bytearray()
        self._at = 0
        self._gone = 0
        self._walk: Walk = self._whole()

    def feed(self, piece: bytes) -> bool:
        """Takes the next bytes; answers whether the header is complete.

        Raises:
            BrokenModel: it is none, or claims what cannot be true.
        """
        if self.header is not None:
            return True
        self._bytes += piece
        try:
            next(self._walk)
        except StopIteration:
            self.header = self._found
            self._bytes.clear()
            return True
        del self._bytes[: self._at]
        self._gone += self._at
        self._at = 0
        return False

    def _whole(self) -> Walk:
        yield from self._has(24)
        if self._take(4) != MAGIC:
            _refuse("it is not a GGUF file")
        if (version := self._number(_U32)) not in VERSIONS:
            _refuse(f"GGUF version {version} is not one that is read here (2 and 3)")
        tensors, keys = self._number(_U64), self._number(_U64)
        if tensors > MAX_TENSORS or keys > MAX_KEYS:
            _refuse(f"it claims {tensors} tensors and {keys} keys")
        for _ in range(keys):
            yield from self._pair()
        for _ in range(tensors):
            yield from self._tensor()

    def _pair(self) -> Walk:
        key = yield from self._text(MAX_KEY_BYTES)
        yield from self._has(4)
        kind = self._number(_U32)
        if kind == _ARRAY:
            yield from self._array(key)
        elif kind == _STRING:
            yield from self._word(key)
        else:
            form = _form(kind)
            yield from self._has(form.size)
            self._found.values[key] = self._number(form)

    def _word(self, key: str) -> Walk:
        yield from self._has(8)
        length = self._number(_U64)
        if not key.startswith("general.") or length > MAX_TEXT:
            # Templates and licences are long, and say nothing about memory.
            yield from self._skip(length)
            return
        yield from self._has(length)
        self._found.values[key] = self._take(length).decode("utf-8", "replace")

    def _array(self, key: str) -> Walk:
        yield from self._has(12)
        kind, count = self._number(_U32), self._number(_U64)
        if count > MAX_ARRAY:
            _refuse(f"an array claims {count} elements")
        self._found.counts[key] = count
        if kind == _STRING:
            for _ in range(count):
                yield from self._has(8)
                yield from self._skip(self._number(_U64))
            return
        form = _form(kind)
        if count > KEPT_ARRAY:
            yield from self._skip(count * form.size)
            return
        yield from self._has(count * form.size)
        self._found.values[key] = tuple(self._number(form) for _ in range(count))

    def _tensor(self) -> Walk:
        name = yield from self._text(MAX_TENSOR_NAME)
        yield from self._has(4)
        sides = self._number(_U32)
        if sides > MAX_SIDES:
            _refuse(f"a tensor has {sides} dimensions")
        yield from self._has(sides * 8 + 12)
        shape = tuple(self._number(_U64) for _ in range(sides))
        elements = 1
        for side in shape:
            elements *= side
            if not 0 < elements <= _INT64_MAX:
                _refuse("a tensor has an impossible shape")
        kind = self._number(_U32)
        self._number(_U64)  # where it lies is of no interest
        if kind not in TENSOR_TYPES:
            _refuse(f"a tensor has the unknown type {kind}")
        _, block, size = TENSOR_TYPES[kind]
        self._found.tensors.append(Tensor(name, shape, elements // block * size))

    def _text(self, most: int) -> Generator[None, None, str]:
        yield from self._has(8)
        length = self._number(_U64)
        if length > most:
            _refuse(f"a name claims {length} bytes")
        yield from self._has(length)
        return self._take(length).decode("utf-8", "replace")

    # -- bytes

    def _has(self, count: int) -> Walk:
        if self._gone + self._at + count > MAX_HEADER:
            _refuse(f"the header is larger than {MAX_HEADER} bytes")
        while len(self._bytes) - self._at < count:
            yield

    def _skip(self, count: int) -> Walk:
        if self._gone + self._at + count > MAX_HEADER:
            _refuse(f"the header is larger than {MAX_HEADER} bytes")
        while count > (here := len(self._bytes) - self._at):
            count -= here
            self._at += here
            yield
        self._at += count

    def _take(self, count: int) -> bytes:
        self._at += count
        return bytes(self._bytes[self._at - count : self._at])

    def _number(self, form: struct.Struct) -> Any:
        self._at += form.size
        return form.unpack_from(self._bytes, self._at - form.size)[0]


def read_header(path: Path) -> Header:
    """The header of a file; blocks.

    Raises:
        BrokenModel: it cannot be read, ends in its header, or is no GGUF file.
    """
    reader = HeaderReader()
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                if reader.feed(piece) and reader.header is not None:
                    return reader.header
    except OSError as exc:
        raise BrokenModel(f"the file cannot be read: {exc.strerror or exc}") from exc
    raise BrokenModel("the file ends in its header: it was cut short or is damaged")


def _form(kind: int) -> struct.Struct:
    forms: Mapping[int, struct.Struct] = _FORMS
    if kind not in forms:
        _refuse(f"a key has the unknown type {kind}")
    return forms[kind]


def _refuse(reason: str) -> NoReturn:
    raise BrokenModel(reason)
