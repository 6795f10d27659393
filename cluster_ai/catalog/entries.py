"""The catalogue: well-known open models, shipped with the program; people add and override in ``models.d``.

A file is TOML with ``[[model]]`` tables. What is wrong in one is told with its line, and costs that entry alone.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from cluster_ai.catalog.fit import MIB, PAD
from cluster_ai.core.wire import Count, ModelName, Slice, Text, View

SHIPPED: Final = Path(__file__).parent / "library"
CATEGORIES: Final = "categories.toml"
USERS: Final = "models.d"
"""Folder of the data directory."""
LARGEST_FILE: Final = 4 * MIB
PROGRAM: Final = 400 * MIB
"""Buffers and program beside weights and cache, where only the catalogue is known."""
Lang = Literal["en", "pt-BR"]
Capability = Literal["chat", "tools", "vision", "thinking", "embedding", "code"]
_WORD: Final = r"^[a-z][a-z0-9-]{0,31}$"
_Word = Annotated[str, StringConstraints(pattern=_WORD)]
_Short = Annotated[Text, Field(min_length=1, max_length=200)]
_LINE: Final = re.compile(r"at line (\d+)")


class Told(Slice):
    """A sentence in both languages; English stands in for what is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    en: _Short = ""
    pt: Annotated[str, Field(alias="pt-BR", max_length=200)] = ""

    def in_language(self, lang: Lang) -> str:
        return (self.pt if lang == "pt-BR" else "") or self.en


class Tag(Slice):
    """One size of a model. Bytes; ``cache`` and ``windowed`` for one token of context."""

    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    parameters: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?[MBT]$")]
    quantization: _Short
    size: Annotated[Count, Field(gt=0)]
    cache: Count = 0
    windowed: Count = 0
    context: Annotated[int, Field(gt=0, le=2**31)] | None = None


class Entry(Slice):
    """A model of the catalogue, in all its sizes."""

    name: ModelName
    title: _Short
    by: _Short = "?"
    licence: _Short
    capabilities: Annotated[tuple[Capability, ...], Field(min_length=1)]
    categories: Annotated[tuple[_Word, ...], Field(min_length=1)]
    languages: Annotated[tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")], ...], Field(min_length=1)]
    context: Annotated[int, Field(gt=0, le=2**31)]
    window: Count = 0
    about: Told = Told(en="-")
    tags: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=200)]

    def memory(self, tag: Tag, context: int) -> int:
        """About how many bytes it takes with so many tokens, before anybody has read its header."""
        context = min(context, tag.context or self.context)
        cells = -(-context // PAD) * PAD
        return tag.size + tag.cache * cells + tag.windowed * min(cells, self.window + PAD) + PROGRAM


class Problem(View):
    """Something in a catalogue file that was left out, and why. ``line`` is 0 where no line can be named."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """``entries`` by name. ``categories`` has their names in both languages."""

    entries: Mapping[str, Entry]
    categories: Mapping[str, Told]
    problems: tuple[Problem, ...] = ()

    def category(self, key: str, lang: Lang) -> str:
        """Its name as people read it; the key itself for one that somebody made up."""
        return self.categories[key].in_language(lang) if key in self.categories else key


def read_catalogue(users: Path | None = None, *, shipped: Path = SHIPPED) -> Catalogue:
    """What is shipped, and over it what lies in ``users``; files in the order of their names. Blocks."""
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for folder in (shipped, *([users] if users else [])):
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
            if path.name != CATEGORIES:
                found, wrong = read_file(path)
                entries |= {entry.name: entry for entry in found}
                problems += wrong
    return Catalogue(entries, _categories(shipped), tuple(problems))


def read_file(path: Path) -> tuple[list[Entry], list[Problem]]:
    """The entries of one file, and what is wrong with the others."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return [], [Problem(file=path.name, line=0, reason=f"it is larger than {LARGEST_FILE // MIB} MiB")]
        return parse(path.read_text(encoding="utf-8"), file=path.name)
    except (OSError, UnicodeDecodeError) as exc:
        return [], [Problem(file=path.name, line=0, reason=f"it cannot be read: {exc}")]


def parse(text: str, *, file: str) -> tuple[list[Entry], list[Problem]]:
    """As ``read_file``, of a text."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        line = int(found[1]) if (found := _LINE.search(str(exc))) else text.count("\n") + 1
        return [], [Problem(file=file, line=line, reason=str(exc))]
    problems = [_at(text, file, key, f"there is no table {key!r} here, only model") for key in fields if key != "model"]
    rows = fields.get("model", [])
    if not isinstance(rows, list):
        return [], [*problems, _at(text, file, "model", "models are written [[model]]")]
    entries: list[Entry] = []
    for at, row in enumerate(rows):
        try:
            entries.append(Entry.model_validate(row))
        except ValidationError as exc:
            problems += [_problem(text, file, at, error) for error in exc.errors()]
    problems += _twice(text, file, entries)
    return entries, problems


def _twice(text: str, file: str, entries: Iterable[Entry]) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, entry in enumerate(entries):
        if entry.name in seen:
            yield Problem(file=file, line=_line(text, at, ("name",)), reason=f"{entry.name} stands twice")
        seen.add(entry.name)


def _problem(text: str, file: str, at: int, error: Mapping[str, Any]) -> Problem:
    where = tuple(error["loc"])
    said = ".".join(str(part) for part in where)
    return Problem(file=file, line=_line(text, at, where), reason=f"{said}: {error['msg']}")


def _at(text: str, file: str, key: str, reason: str) -> Problem:
    lines = text.splitlines()
    starts = (number for number, line in enumerate(lines, 1) if re.match(rf"\s*\[*{re.escape(key)}\b", line))
    return Problem(file=file, line=next(starts, 0), reason=reason)


def _line(text: str, at: int, where: tuple[Any, ...]) -> int:
    """The line of a field of the ``at``-th model; of the model where the field has none."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if re.match(r"\s*\[\[\s*model\s*\]\]", line)]
    if at >= len(heads):
        return 0
    begin = heads[at]
    end = heads[at + 1] if at + 1 < len(heads) else len(lines)
    block = range(begin, end)
    named = [number for number in block if where and re.match(rf"\s*{re.escape(str(where[0]))}\s*[=.]", lines[number])]
    if not named:
        return begin + 1
    if len(where) > 1 and isinstance(where[1], int) and where[0] == "tags":
        # An array over several lines: one table of it stands on each.
        tables = [number for number in range(named[0], end) if "{" in lines[number]]
        return (tables[where[1]] if where[1] < len(tables) else named[0]) + 1
    return named[0] + 1


def _categories(shipped: Path) -> dict[str, Told]:
    path = shipped / CATEGORIES
    if not path.is_file():
        return {}
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    return {key: Told.model_validate(row) for key, row in rows.items()}
