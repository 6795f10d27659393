"""Looks at a GGUF file's header before the native loader does: a broken file gets a plain reason, never a crash.

Only the header is read, through a window of 64 KiB. Format: GGUF versions 2 and 3, little-endian (ggml, docs/gguf.md).
"""

import os
import re
import stat
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from cluster_ai.core.errors import Conflict
from cluster_ai.engines.gguf_words import FILE_TYPES, TENSOR_TYPES, short_count

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
MAX_HEADER: Final = 128 * 1024 * 1024
"""Bytes. The largest vocabularies take about 20 MB."""
MAX_KEYS: Final = 4096
MAX_KEY_BYTES: Final = 1024
MAX_ARRAY: Final = 4 * 1024 * 1024
MAX_TENSORS: Final = 65_536
MAX_TENSOR_NAME: Final = 63
MAX_SIDES: Final = 4
MAX_WHOLE: Final = 2**31
MAX_TEXT: Final = 64 * 1024
MAX_TEMPLATE: Final = 1024 * 1024
MAX_ALIGNMENT: Final = 1024 * 1024
_WINDOW: Final = 64 * 1024
_INT64_MAX: Final = 2**63 - 1

_UINT32: Final = 4
_STRING: Final = 8
_ARRAY: Final = 9
_CODES: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SCALARS: Final[Mapping[int, struct.Struct]] = {kind: struct.Struct(f"<{code}") for kind, code in _CODES.items()}
_U32: Final = _SCALARS[4]
_U64: Final = _SCALARS[10]

_NOT_MODELS: Final = frozenset({"adapter", "dataset", "imatrix", "mmproj"})
_SIZE_LABEL: Final = re.compile(r"(\d+x)?\d+(\.\d+)?[KMBTQ]")

Scalar = int | float | bool | str


class BrokenModel(Conflict):
    """A model file cannot be served: it is damaged, cut short, or no model."""

    code = "broken_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFacts:
    """What the header says. Texts are empty and numbers 0 where it says nothing.

    ``parameter_count`` is in elements of all tensors, ``context_length`` in tokens, ``data_end`` in bytes from the
    file's start (never beyond its size). ``pools`` is true for models that answer with one vector a text.
    """

    architecture: str
    name: str
    size_label: str
    parameter_count: int
    quantization: str
    context_length: int
    embedding_length: int
    block_count: int
    chat_template: str
    tokenizer_model: str
    pools: bool
    tensor_count: int
    data_end: int


def check(path: Path) -> GgufFacts:
    """The facts in the header of ``path``.

    Raises:
        BrokenModel: the file cannot be read, is no GGUF model that this node could load, or ends before its last
            tensor does.
    """
    try:
        with _open(path) as file:
            return _Header(file, os.fstat(file.fileno()).st_size).read()
    except OSError as exc:
        raise BrokenModel(f"the file cannot be read: {exc.strerror or exc}") from exc


def _open(path: Path) -> BinaryIO:
    try:
        # Not blocking: to open a FIFO that nobody writes to would wait for ever.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as exc:
        raise BrokenModel("no file can have this name") from exc
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BrokenModel("it is not a regular file")
    return os.fdopen(handle, "rb", buffering=0)


def _refuse(reason: str) -> NoReturn:
    raise BrokenModel(reason)


def _clean(text: str) -> str:
    """Without what could move a terminal's cursor or break a log line."""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _aligned(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) // alignment * alignment


class _Window:
    """Reads forward through the header; never beyond the file, never more than a window at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size = size
        self.at = 0
        self._file = file
        self._start = 0
        self._bytes = b""

    def take(self, count: int) -> bytes:
        """The next bytes; ``count`` is bounded by every caller."""
        self._reach(count)
        begin = self.at - self._start
        if begin + count > len(self._bytes):
            self._fill(count)
            begin = 0
        self.at += count
        return self._bytes[begin : begin + count]

    def skip(self, count: int) -> None:
        self._reach(count)
        self.at += count

    def number(self, form: struct.Struct) -> Scalar:
        value: Scalar = form.unpack(self.take(form.size))[0]
        return value

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def text(self, limit: int, what: str) -> str:
        length = self.u64()
        if length > limit:
            _refuse(f"{what} has {length} bytes, more than {limit}")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise BrokenModel(f"{what} is not UTF-8") from exc

    def _reach(self, count: int) -> None:
        if self.at + count > self.size:
            _refuse(f"the file ends in its header ({self.size} bytes): it was cut short or is damaged")
        if self.at + count > MAX_HEADER:
            _refuse(f"the header is larger than {MAX_HEADER} bytes")

    def _fill(self, count: int) -> None:
        self._file.seek(self.at)
        wanted = max(count, _WINDOW)
        parts = bytearray()
        while len(parts) < wanted and (part := self._file.read(wanted - len(parts))):
            parts += part
        if len(parts) < count:
            _refuse("the file became shorter while it was read")
        self._start, self._bytes = self.at, bytes(parts)


@dataclass(slots=True)
class _Totals:
    """Sums over the tensors. ``data`` is where the next one must begin, ``end`` where the last one ends."""

    parameters: int = 0
    data: int = 0
    end: int = 0
    bytes_of: Counter[str] = field(default_factory=Counter)

    def add(self, elements: int, kind: int, alignment: int) -> None:
        name, block, size = TENSOR_TYPES[kind]
        length = elements // block * size
        self.bytes_of[name] += length
        self.parameters += elements
        self.end = self.data + length
        self.data = _aligned(self.end, alignment)


class _Header:
    """One pass over one header."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._in = _Window(file, size)
        self._values: dict[str, Scalar | None] = {}
        self._types: dict[str, int] = {}
        self._totals = _Totals()

    def read(self) -> GgufFacts:
        tensors, keys = self._counts()
        for _ in range(keys):
            self._pair()
        alignment = self._alignment()
        self._must_be_a_model(tensors)
        names: set[str] = set()
        for _ in range(tensors):
            self._tensor(names, alignment)
        begin = _aligned(self._in.at, alignment)
        end = begin + self._totals.end
        if end > self._in.size:
            _refuse(f"the file has {self._in.size} of {end} bytes: it was cut short")
        return self._facts(tensors, end)

    def _counts(self) -> tuple[int, int]:
        """Tensors and keys."""
        if self._in.size < len(MAGIC) or self._in.take(len(MAGIC)) != MAGIC:
            _refuse("it is not a GGUF file")
        version = self._in.u32()
        if version & 0xFFFF == 0 and version:
            _refuse("it is a big-endian GGUF file; this node reads little-endian ones")
        if version not in VERSIONS:
            _refuse(f"GGUF version {version} is not one this node reads (2 and 3)")
        tensors, keys = self._in.u64(), self._in.u64()
        if tensors > MAX_TENSORS or keys > MAX_KEYS:
            _refuse(f"it claims {tensors} tensors and {keys} keys: the header is damaged")
        return tensors, keys

    def _pair(self) -> None:
        key = self._in.text(MAX_KEY_BYTES, "a key")
        if key in self._values:
            _refuse(f"the key {_clean(key)!r} stands twice")
        kind = self._in.u32()
        self._values[key] = self._value(key, kind)
        self._types[key] = kind

    def _value(self, key: str, kind: int) -> Scalar | None:
        """A scalar, a text that is of use here, or None for what was skipped."""
        if kind == _STRING:
            return self._text(key)
        if kind == _ARRAY:
            self._skip_array(key)
            return None
        form = _SCALARS.get(kind)
        if form is None:
            _refuse(f"the key {_clean(key)!r} has the unknown type {kind}")
        return self._in.number(form)

    def _text(self, key: str) -> str | None:
        if key == "tokenizer.chat_template":
            return self._in.text(MAX_TEMPLATE, "the chat template")
        if key.startswith("general.") or key == "tokenizer.ggml.model":
            return self._in.text(MAX_TEXT, f"the text {_clean(key)!r}")
        self._in.skip(self._in.u64())
        return None

    def _skip_array(self, key: str) -> None:
        kind, count = self._in.u32(), self._in.u64()
        if kind == _ARRAY:
            _refuse(f"the key {_clean(key)!r} holds arrays in an array")
        if count > MAX_ARRAY:
            _refuse(f"the array {_clean(key)!r} claims {count} elements: the header is damaged")
        if kind == _STRING:
            for _ in range(count):
                self._in.skip(self._in.u64())
        elif kind in _SCALARS:
            self._in.skip(count * _SCALARS[kind].size)
        else:
            _refuse(f"the array {_clean(key)!r} has the unknown type {kind}")

    def _alignment(self) -> int:
        value = self._values.get("general.alignment", 32)
        kind = self._types.get("general.alignment", _UINT32)
        if kind != _UINT32 or not isinstance(value, int) or not 0 < value <= MAX_ALIGNMENT or value & (value - 1):
            _refuse(f"the alignment {value!r} is no power of two up to {MAX_ALIGNMENT}")
        return value

    def _must_be_a_model(self, tensors: int) -> None:
        kind = self._words("general.type")
        if kind in _NOT_MODELS or self._words("general.architecture") == "clip":
            _refuse(f"it holds a part for another model ({kind or 'clip'}), not a model")
        if not self._words("general.architecture"):
            _refuse("it does not say which architecture it has")
        if not tensors:
            _refuse("it holds no tensors")

    def _tensor(self, names: set[str], alignment: int) -> None:
        name = self._in.text(MAX_TENSOR_NAME, "a tensor's name")
        if name in names:
            _refuse(f"the tensor {_clean(name)!r} stands twice")
        names.add(name)
        elements, row = self._shape(name)
        kind, offset = self._in.u32(), self._in.u64()
        if kind not in TENSOR_TYPES:
            _refuse(f"the tensor {_clean(name)!r} has the type {kind}, which this node does not know")
        if row % (block := TENSOR_TYPES[kind][1]):
            _refuse(f"rows of the tensor {_clean(name)!r} are not whole blocks of {block}")
        # The loader too takes tensors only one behind the other; this also keeps them from overlapping.
        if offset != self._totals.data:
            _refuse(f"the tensor {_clean(name)!r} lies at {offset}, not at {self._totals.data}")
        self._totals.add(elements, kind, alignment)
        if self._totals.data > _INT64_MAX:
            _refuse("the tensors are larger than any file")

    def _shape(self, name: str) -> tuple[int, int]:
        """Elements in all, and in one row."""
        count = self._in.u32()
        if count > MAX_SIDES:
            _refuse(f"the tensor {_clean(name)!r} has {count} dimensions, more than {MAX_SIDES}")
        sides = [self._in.u64() for _ in range(count)]
        elements = 1
        for side in sides:
            elements *= side
            if not 0 < elements <= _INT64_MAX:
                _refuse(f"the tensor {_clean(name)!r} has an impossible shape")
        return elements, sides[0] if sides else 1

    def _facts(self, tensors: int, end: int) -> GgufFacts:
        architecture = self._words("general.architecture")
        parameters = self._totals.parameters
        label = self._words("general.size_label")
        file_type = self._whole("general.file_type", -1)
        return GgufFacts(
            architecture=architecture,
            name=self._words("general.name"),
            size_label=label if _SIZE_LABEL.fullmatch(label) else short_count(parameters),
            parameter_count=parameters,
            quantization=FILE_TYPES.get(file_type) or self._totals.bytes_of.most_common(1)[0][0],
            context_length=self._whole(f"{architecture}.context_length"),
            embedding_length=self._whole(f"{architecture}.embedding_length"),
            block_count=self._whole(f"{architecture}.block_count"),
            chat_template=str(self._values.get("tokenizer.chat_template") or ""),
            tokenizer_model=self._words("tokenizer.ggml.model"),
            pools=f"{architecture}.pooling_type" in self._values,
            tensor_count=tensors,
            data_end=end,
        )

    def _words(self, key: str) -> str:
        value = self._values.get(key)
        return _clean(value) if isinstance(value, str) else ""

    def _whole(self, key: str, default: int = 0) -> int:
        value = self._values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_WHOLE else default
