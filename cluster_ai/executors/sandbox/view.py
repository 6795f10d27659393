"""What of this machine a sandbox shows: its programs and libraries, no data of anybody. Reads only names."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TOP: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC: Final = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
"""Nothing with a secret: /etc/ssl/private, /etc/shadow and the like are left out by not being named."""


@dataclass(frozen=True, slots=True)
class View:
    """``folders``: shown at their own path; ``links``: (where, to what); ``hidden``: covered by an empty folder."""

    folders: Sequence[Path]
    links: Sequence[tuple[str, str]]
    hidden: Sequence[Path]


def of_machine(hidden: Iterable[Path]) -> View:
    """The system's programs and this Python with its packages; without what lies in ``hidden``."""
    links = [(path, str(Path(path).readlink())) for path in TOP if Path(path).is_symlink()]
    folders = [Path("/usr"), *(Path(path) for path in TOP if Path(path).is_dir() and not Path(path).is_symlink())]
    folders += [Path(path) for path in ETC if Path(path).exists()]
    folders += pythons()
    shown = without_inner(folders)
    covered = [path for path in hidden if path.is_dir() and any(path.is_relative_to(folder) for folder in shown)]
    return View(shown, links, covered)


def pythons() -> list[Path]:
    """Where the Python that runs us lies, and the one that it was made from."""
    return [Path(os.path.realpath(folder)) for folder in dict.fromkeys((sys.prefix, sys.base_prefix))]


def _search_path() -> str:
    """``PATH`` inside."""
    return f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


def environment(tmp: str) -> dict[str, str]:
    """All that a program finds in its environment, beside what its ticket gives it."""
    return {
        "PATH": _search_path(),
        "HOME": tmp,
        "TMPDIR": tmp,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def without_inner(folders: Iterable[Path]) -> list[Path]:
    """Each once, and none that lies in another one."""
    found: list[Path] = []
    for folder in sorted(set(folders), key=lambda path: len(path.parts)):
        if not any(folder.is_relative_to(outer) for outer in found):
            found.append(folder)
    return found


def parents(paths: Iterable[Path]) -> list[Path]:
    """The folders above, outermost first, each once, without the root."""
    above = {parent for path in paths for parent in path.parents if parent != Path("/")}
    return sorted(above, key=lambda path: len(path.parts))
