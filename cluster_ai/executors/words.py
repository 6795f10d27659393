"""Counts words in pieces of text files. How a file was cut into pieces never changes what is counted in all.

A word is a run of letters, digits and the marks that belong to them, in any script, in lower case; an apostrophe
inside it belongs to it. Texts are UTF-8; a line that is not is read as Windows-1252, a file that begins with a
UTF-16 mark as UTF-16. Files with NUL bytes are binary and skipped.
"""

import io
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import BinaryIO

BLOCK = 1 << 20
LONG_LINE = 1 << 20
"""A line longer than this may be cut between two words, so that a file without line breaks is shared out, too."""
SNIFF = 8192
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
SEPARATOR = re.compile(rb"[\x00-&(-/:-@\[-`{-\x7f]")
"""An ASCII byte that no word contains."""
CONTINUATION = range(0x80, 0xC0)
"""Bytes inside a UTF-8 character."""
PLAIN_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Piece:
    """The lines of one file that begin in the bytes ``start <= n < end``."""

    path: str
    start: int
    end: int


@dataclass(slots=True)
class Counted:
    """What was counted in some pieces."""

    words: Counter[str] = field(default_factory=Counter)
    files: int = 0
    size: int = 0
    """Bytes of text."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Why, by path."""
    shares: Counter[str] = field(default_factory=Counter)
    """Words by worker."""

    def add(self, other: "Counted") -> None:
        self.words.update(other.words)
        self.files += other.files
        self.size += other.size
        self.skipped |= other.skipped
        self.shares.update(other.shares)


def count(pieces: Iterable[Piece], *, worker: str) -> Counted:
    """Counts ``pieces``. A file that cannot be read is skipped with its reason, never an error."""
    found = Counted()
    for piece in pieces:
        try:
            with open(piece.path, "rb") as file:  # noqa: PTH123 - one of many thousand in a loop
                _count_piece(file, piece, found)
        except OSError as exc:
            found.skipped[piece.path] = exc.strerror or type(exc).__name__
    found.shares[worker] = found.words.total()
    return found


def merge(parts: Iterable[Counted]) -> Counted:
    """The sum of ``parts``, which are left as they are: Dask may hold them for somebody else."""
    found = Counted()
    for part in parts:
        found.add(part)
    return found


def tokens(text: str) -> list[str]:
    """The words of ``text`` in their order."""
    text = text.lower()
    if text.isascii():
        return PLAIN_WORD.findall(text)
    text = unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    present = _marks().intersection(text)
    return (_word_with(present) if present else PLAIN_WORD).findall(text)


@cache
def _marks() -> frozenset[str]:
    """What belongs to the letter before it. A regular expression's word leaves out the vowel signs of Indic scripts."""
    signs = (c for c in map(chr, range(0x300, sys.maxunicode)) if unicodedata.category(c) in {"Mn", "Mc"})
    return frozenset("\u200c\u200d").union(signs)


@lru_cache(maxsize=64)
def _word_with(present: frozenset[str]) -> re.Pattern[str]:
    """A word that may contain these marks. All 2,000 of them in one pattern would be 15 times slower."""
    one = rf"(?:[^\W_]|[{''.join(sorted(present))}])"
    return re.compile(rf"[^\W_]{one}*(?:'{one}+)*")


def _count_piece(file: BinaryIO, piece: Piece, found: Counted) -> None:
    head = file.read(SNIFF)
    if head[:2] in UTF16_MARKS:
        texts = _utf16(file, piece, found)
    elif b"\0" in head:
        found.skipped[piece.path] = "binary"
        return
    else:
        texts = _blocks(file, piece, found)
    found.files += piece.start == 0
    for text in texts:
        found.words.update(tokens(text))


def _utf16(file: BinaryIO, piece: Piece, found: Counted) -> Iterator[str]:
    """The whole file for whoever has its first piece: a line break is two bytes here."""
    if piece.start > 0:
        return
    file.seek(0)
    reader = io.TextIOWrapper(file, encoding="utf-16", errors="replace")
    yield from reader
    found.size += file.tell()
    reader.detach()


def _blocks(file: BinaryIO, piece: Piece, found: Counted) -> Iterator[str]:
    """The lines that begin in ``piece``, many at a time."""
    position, end = _boundary(file, piece.start), _boundary(file, piece.end)
    found.size += max(0, end - position)
    file.seek(position)
    rest = b""
    while position < end and (block := file.read(min(BLOCK, end - position))):
        position += len(block)
        whole, rest = _cut(rest + block)
        yield _decoded(whole)
    yield _decoded(rest)


def _boundary(file: BinaryIO, offset: int) -> int:
    """Where the first line begins at or behind ``offset``; depends on nothing else, so neighbours agree on it."""
    if offset == 0:
        return 0
    file.seek(offset - 1)
    window = file.read(LONG_LINE)
    if (at := window.find(b"\n")) >= 0:
        return offset + at
    if len(window) < LONG_LINE:
        return offset - 1 + len(window)
    if separator := SEPARATOR.search(window):
        return offset - 1 + separator.end()
    inside = next((n for n, byte in enumerate(window[1:]) if byte not in CONTINUATION), 0)
    return offset + inside


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """``data`` up to its last line break, and the rest."""
    at = data.rfind(b"\n")
    if at < 0 and len(data) > LONG_LINE:
        at = max(data.rfind(blank) for blank in (b" ", b"\t", b","))
    return data[: at + 1], data[at + 1 :]


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(_line(line) for line in data.splitlines(keepends=True))


def _line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
