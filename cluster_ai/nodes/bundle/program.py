"""This program as one archive: the same bytes for the same files, wherever and whenever it is packed."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = ("cluster_ai", "backend", "config/systemd", "scripts/install")
FILES: Final = (
    "LICENSE",
    "install_unified.sh",
    "requirements/bootstrap.lock",
    "requirements/runtime.lock",
    "requirements/models.lock",
)
_LEFT_OUT: Final = frozenset({"__pycache__", "ui"})
"""Made on the spot; and the dashboard's build, which only a head shows."""


def packed(root: Path) -> bytes:
    """``program.tar.gz`` of the program in ``root``: its files, readable by all, dated 1970, owned by nobody.

    Raises:
        OSError: a file cannot be read.
    """
    raw = io.BytesIO()
    # The file name and time that gzip usually records would differ from one head to the next.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(_files(root)):
            _add(archive, root / path, path.as_posix())
    return raw.getvalue()


def _files(root: Path) -> Iterator[Path]:
    for name in FILES:
        if (root / name).is_file():
            yield Path(name)
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            inside = path.relative_to(root)
            is_wanted = not _LEFT_OUT.intersection(inside.parts) and not path.name.startswith(".")
            if is_wanted and path.is_file():
                yield inside


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    contents = path.read_bytes()
    entry = tarfile.TarInfo(name)
    entry.size = len(contents)
    entry.mode = 0o755 if contents.startswith(b"#!") else 0o644
    archive.addfile(entry, io.BytesIO(contents))
