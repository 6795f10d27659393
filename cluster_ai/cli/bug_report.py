"""``doctor --bundle``: what somebody else needs to know to help, without anything that is nobody else's business.

Keys, tokens and passwords go by their shape, by the name of their field, and by their very value: whatever stands in a
file of secrets here is looked for in all that is packed. Addresses, this machine's name and the user's become marks
that are the same throughout, so that who talked to whom can still be read.
"""

import getpass
import io
import ipaddress
import json
import os
import platform
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cluster_ai.cli import place
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.files import replace
from cluster_ai.core.paths import Home
from cluster_ai.logs.masking import STARS, masked, masked_text

LINES: Final = 200
LONGEST: Final = 512 * 1024
_SHORTEST: Final = 8
_LARGEST_SECRET: Final = 64 * 1024
_ADDRESS: Final = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|(?<![\w.:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"
)
_HARDWARE: Final = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:])")
_HOST_IN_URL: Final = re.compile(r"(?<=://)(?:[^/@\s\"']*@)?([A-Za-z0-9.-]+)")
_NAMES_NOBODY: Final = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - told, not bound


def write(target: Path, *, facts: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> None:
    """The report as ``tar.gz``, readable by its owner alone.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    home = place.home()
    clean = Cleaner(home)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        _add(archive, "about.json", clean.value({**facts, "machine": platform.machine()}))
        _add(archive, "findings.json", clean.value(list(checks)))
        _add(archive, "settings.json", clean.value(_settings()))
        for name, lines in _logs(home):
            _add_text(archive, f"logs/{name}", "\n".join(map(clean.line, lines)) + "\n")
    replace(target.absolute(), raw.getvalue())


class Cleaner:
    """Takes out what must not leave this machine; the same thing becomes the same mark."""

    def __init__(self, home: Home) -> None:
        self._secrets = sorted(secrets_of(home), key=len, reverse=True)
        self._marks: dict[str, str] = {}
        self._names = [
            *((str(home.root), "<cluster>"), (str(Path.home()), "<home>")),
            *((name, "<host>") for name in {platform.node(), platform.node().partition(".")[0]} if len(name) > 1),
            *((name, "<user>") for name in _users() if name != "root"),
        ]

    def value(self, value: Any) -> Any:
        """A value of JSON."""
        return json.loads(self._text(json.dumps(masked(value), ensure_ascii=False, default=str)))

    def line(self, line: str) -> str:
        """A line of a log, JSON or not."""
        try:
            told = json.loads(line)
        except ValueError:
            return self._text(masked_text(line))
        return self._text(json.dumps(masked(told), ensure_ascii=False))

    def _text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        for name, mark in self._names:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", mark, text)
        text = _HARDWARE.sub(lambda found: self._mark("hardware", found[0]), text)
        text = _HOST_IN_URL.sub(self._host, text)
        return _ADDRESS.sub(self._address, text)

    def _host(self, found: re.Match[str]) -> str:
        return found[1] if found[1] in _NAMES_NOBODY else self._mark("host", found[1])

    def _address(self, found: re.Match[str]) -> str:
        try:
            ipaddress.ip_address(found[0])
        except ValueError:
            # A time, a version: it only looks like one.
            return found[0]
        return found[0] if found[0] in _NAMES_NOBODY else self._mark("address", found[0])

    def _mark(self, kind: str, what: str) -> str:
        return self._marks.setdefault(what, f"<{kind}-{len(self._marks) + 1}>")


def _settings() -> Any:
    try:
        return place.settings().model_dump(mode="json")
    except ClusterError as exc:
        return {"error": exc.message}


def secrets_of(home: Home) -> set[str]:
    """Every line of every file of secrets, and values of our variables that are named as one."""
    found: set[str] = set()
    for path in home.secrets.rglob("*") if home.secrets.is_dir() else ():
        if path.is_file() and path.stat().st_size <= _LARGEST_SECRET:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found |= {line.strip() for line in lines if "CERTIFICATE" not in line}
    found |= {
        value
        for name, value in os.environ.items()
        if re.search("PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL", name, re.IGNORECASE)
    }
    return {text for text in found if len(text) >= _SHORTEST}


def _users() -> set[str]:
    try:
        return {getpass.getuser()} - {""}
    except (OSError, KeyError):
        return set()


def _logs(home: Home) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(home.logs.glob("*.log")):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LONGEST))
            lines = file.read(LONGEST).decode("utf-8", errors="replace").splitlines()
        yield path.name, lines[-LINES:]


def _add(archive: tarfile.TarFile, name: str, value: Any) -> None:
    _add_text(archive, name, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    raw = text.encode("utf-8", errors="replace")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(raw), 0o600
    archive.addfile(entry, io.BytesIO(raw))
