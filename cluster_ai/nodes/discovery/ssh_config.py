"""Machines that a user's SSH settings name. Pure: files are read by whoever calls; no program is started.

Of ssh_config(5): Host with patterns and ``!``, Include, HostName with ``%h``, User, Port, ProxyJump, IdentityFile,
ProxyCommand (told, never run). ``Match`` blocks are passed over: some of them start programs.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

MOST_INCLUDES: Final = 16
MOST_LINES: Final = 20_000
_KNOWN: Final = frozenset({"hostname", "user", "port", "proxyjump", "proxycommand", "identityfile"})
_LAST_PORT: Final = 65_535

Read = Callable[[str], Sequence[str]]
"""The texts of the files that a pattern of ``Include`` names; none where there are none."""


def nothing(_pattern: str) -> Sequence[str]:
    """There are no other files."""
    return ()


@dataclass(frozen=True, slots=True)
class Named:
    """One alias, with everything that the settings say of it."""

    alias: str
    host: str
    user: str = ""
    port: int = 22
    jump: str = ""
    identities: tuple[str, ...] = ()
    proxy_command: bool = False


@dataclass(slots=True)
class _Block:
    patterns: tuple[str, ...]
    """None at all: a ``Match``, which is passed over."""
    options: dict[str, list[str]] = field(default_factory=dict)

    def is_about(self, alias: str) -> bool:
        if any(fnmatchcase(alias, one[1:].lower()) for one in self.patterns if one.startswith("!")):
            return False
        return any(fnmatchcase(alias, one.lower()) for one in self.patterns if not one.startswith("!"))


def machines(text: str, read: Read = nothing) -> tuple[Named, ...]:
    """Every alias that stands there without a pattern, once, in order."""
    blocks: list[_Block] = [_Block(("*",))]
    _take(text, blocks, read, depth=0)
    aliases = (name for block in blocks for name in block.patterns if not set(name) & set("*?!"))
    return tuple(_named(alias, blocks) for alias in dict.fromkeys(aliases))


def _take(text: str, blocks: list[_Block], read: Read, *, depth: int) -> None:
    for keyword, values in _lines(text):
        if keyword == "host":
            blocks.append(_Block(tuple(values)))
        elif keyword == "match":
            blocks.append(_Block(("*",) if [one.lower() for one in values] == ["all"] else ()))
        elif keyword == "include" and depth < MOST_INCLUDES:
            _include(values, blocks, read, depth=depth)
        elif keyword in _KNOWN and values:
            # Of most settings the first value counts; keys add up.
            blocks[-1].options.setdefault(keyword, []).append(" ".join(values))


def _include(values: Sequence[str], blocks: list[_Block], read: Read, *, depth: int) -> None:
    """What a file says before its first Host belongs to the block that includes it; then that block goes on."""
    around = blocks[-1]
    for pattern in values:
        for text in read(pattern):
            blocks.append(_Block(around.patterns))
            _take(text, blocks, read, depth=depth + 1)
    blocks.append(_Block(around.patterns))


def _lines(text: str) -> Iterator[tuple[str, list[str]]]:
    for raw in text.splitlines()[:MOST_LINES]:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        keyword, rest = _split(line)
        try:
            values = shlex.split(rest, comments=False, posix=True)
        except ValueError:
            # A quote that is never closed: OpenSSH stops there; we have no reason to.
            continue
        yield keyword.lower(), values


def _split(line: str) -> tuple[str, str]:
    """``Port 22``, ``Port=22`` and ``Port = 22`` are the same."""
    for place, letter in enumerate(line):
        if letter.isspace() or letter == "=":
            return line[:place], line[place:].lstrip().removeprefix("=").lstrip()
    return line, ""


def _named(alias: str, blocks: Sequence[_Block]) -> Named:
    options: dict[str, list[str]] = {}
    for block in blocks:
        if block.is_about(alias.lower()):
            for name, values in block.options.items():
                options.setdefault(name, []).extend(values)
    jump = _first(options, "proxyjump")
    command = _first(options, "proxycommand")
    return Named(
        alias=alias,
        host=(_first(options, "hostname") or alias).replace("%h", alias).replace("%%", "%"),
        user=_first(options, "user"),
        port=_port(_first(options, "port")),
        jump="" if jump.lower() == "none" else jump,
        identities=tuple(dict.fromkeys(one for one in options.get("identityfile", []) if one.lower() != "none")),
        proxy_command=bool(command) and command.lower() != "none",
    )


def _first(options: Mapping[str, list[str]], name: str) -> str:
    return options.get(name, [""])[0]


def _port(text: str) -> int:
    is_one = text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= _LAST_PORT  # noqa: PLR2004
    return int(text) if is_one else 22
