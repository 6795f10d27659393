"""The search language: words, "phrases" and filters, all of which a line must meet. Pure.

``timeout "no node" -retry level:warning part:gateway,worker-* node:n1 since:2h until:2026-11-22T10:00``
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cluster_ai.logs.types import LONGEST_QUERY, RANKS, BadQuery

FILTERS: Final = ("level", "part", "node", "since", "until")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_TERM: Final = re.compile(r'(?P<not>-)?(?:(?P<name>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))|(?P<bad>\S)')
_MOST_TERMS: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9._:@/-]{1,128}\*?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Words:
    """A word or phrase that a line must hold, or must not. ``prefix``: it may go on behind its end."""

    text: str
    prefix: bool = False
    without: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Names of which a line has one, or none of which it has. A ``*`` at the end stands for anything."""

    field: str
    names: tuple[str, ...]
    without: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A search that was understood. Times in microseconds since 1970: from ``since`` on, before ``until``."""

    words: tuple[Words, ...] = ()
    named: tuple[Named, ...] = ()
    level: int = 0
    since: int | None = None
    until: int | None = None


EVERYTHING: Final = Query()


def parse(text: str, *, now: float) -> Query:
    """The search that ``text`` asks for; everything when it is empty. ``now`` in Unix seconds.

    Raises:
        BadQuery: it cannot be read.
    """
    if len(text) > LONGEST_QUERY:
        raise BadQuery(f"a search has at most {LONGEST_QUERY} characters; this one has {len(text)}", path="q")
    query = EVERYTHING
    for number, found in enumerate(_TERM.finditer(text)):
        if number == _MOST_TERMS:
            raise BadQuery(f"a search has at most {_MOST_TERMS} words and filters", path="q")
        query = _with(query, found, now=now)
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise BadQuery("since: lies behind until:, so that nothing can be found", path="q", hint="swap the two")
    return query


def _with(query: Query, found: re.Match[str], *, now: float) -> Query:
    if found["bad"]:
        raise BadQuery("a quote is opened and not closed, or nothing stands in it", path="q", hint='write "two words"')
    name, without = (found["name"] or "").lower(), bool(found["not"])
    value = found["phrase"] if found["phrase"] is not None else found["word"]
    if not name:
        return replace(query, words=(*query.words, _words(value, found, without=without)))
    if name not in FILTERS:
        raise BadQuery(
            f"there is no filter {name}:",
            path="q",
            hint=f'filters: {", ".join(FILTERS)}; to look for the text itself write "{name}:{value}"',
        )
    if name in {"part", "node"}:
        return replace(query, named=(*query.named, _named(name, value, without=without)))
    if without:
        raise BadQuery(f"-{name}: means nothing", path="q", hint="leave the minus out")
    if name == "level":
        return replace(query, level=_level(value))
    when = _time(name, value, now=now)
    return replace(query, since=when) if name == "since" else replace(query, until=when)


def _words(value: str, found: re.Match[str], *, without: bool) -> Words:
    prefix = found["phrase"] is None and value.endswith("*")
    text = value.removesuffix("*") if prefix else value
    if not any(char.isalnum() for char in text):
        raise BadQuery(f"{found[0]} holds no letter and no digit", path="q", hint="only words and numbers are indexed")
    if found["phrase"] is None and text.removesuffix(":").lower() in FILTERS and text.endswith(":"):
        raise BadQuery(f"nothing stands behind {text}", path="q", hint=f"write {text}VALUE, without a space")
    if "\x00" in text:
        raise BadQuery("a search holds no NUL character", path="q")
    return Words(text, prefix=prefix, without=without)


def _named(name: str, value: str, *, without: bool) -> Named:
    names = tuple(value.split(","))
    if not all(map(_NAME.fullmatch, names)):
        raise BadQuery(f"{name}:{value} is no name", path="q", hint=f"write {name}:NAME, {name}:ONE,TWO or {name}:na*")
    return Named(name, names, without=without)


def _level(value: str) -> int:
    rank = RANKS.get(value.lower())
    if rank is None:
        raise BadQuery(f"there is no level {value}", path="q", hint=f"levels: {', '.join(RANKS)}; each with all worse")
    return rank


def _time(name: str, value: str, *, now: float) -> int:
    if found := _AGO.fullmatch(value):
        return max(0, int((now - int(found[1]) * _UNITS[found[2]]) * 1e6))
    try:
        when = datetime.fromisoformat(value)
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as exc:
        hint = f"write {name}:15m (s, m, h, d, w ago), {name}:2026-11-22 or {name}:2026-11-22T10:00 (UTC)"
        raise BadQuery(f"{name}:{value} is no time", path="q", hint=hint) from exc
    return max(0, int(seconds * 1e6))


def match_of(query: Query) -> tuple[str, str]:
    """What FTS5 is asked for: an expression that must match, and one that must not. Empty where there is none."""
    return " AND ".join(_expressions(query, without=False)), " OR ".join(_expressions(query, without=True))


def _expressions(query: Query, *, without: bool) -> Iterator[str]:
    for words in query.words:
        if words.without is without:
            # A quoted string is data to FTS5: none of its operators can be written by who searches.
            quoted = '"' + words.text.replace('"', '""') + '"'
            yield f"{quoted} *" if words.prefix else quoted
