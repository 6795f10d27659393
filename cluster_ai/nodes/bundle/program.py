"""This program as one archive: the same bytes for the same files, wherever and whenever it is packed."""

import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster_ai import __version__
from cluster_ai.nodes.bundle.identity import environment_id

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
_OF_A_HEAD: Final = "examples"


def packed(root: Path, *, for_head: bool = False) -> bytes:
    """``program.tar.gz`` of the program in ``root``: its files, readable by all, dated 1970, owned by nobody.

    ``for_head``: with the dashboard's build and the examples.

    Raises:
        OSError: a file cannot be read.
    """
    raw = io.BytesIO()
    # The file name and time that gzip usually records would differ from one head to the next.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(_files(root, for_head=for_head)):
            _add(archive, root / path, path.as_posix())
    return raw.getvalue()


def version_name(root: Path, archive: bytes) -> str:
    """What the version of a head is called that the program in ``root``, packed in ``archive``, is for this Python."""
    return f"{__version__}+{hashlib.sha256(archive).hexdigest()[:8]}-{environment_id(root)}"


def _files(root: Path, *, for_head: bool) -> Iterator[Path]:
    left_out = _LEFT_OUT - {"ui"} if for_head else _LEFT_OUT
    for name in FILES:
        if (root / name).is_file():
            yield Path(name)
    for folder in (*FOLDERS, *((_OF_A_HEAD,) if for_head else ())):
        for path in (root / folder).rglob("*"):
            inside = path.relative_to(root)
            is_wanted = not left_out.intersection(inside.parts) and not path.name.startswith(".")
            if is_wanted and path.is_file():
                yield inside


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    contents = path.read_bytes()
    entry = tarfile.TarInfo(name)
    entry.size = len(contents)
    entry.mode = 0o755 if contents.startswith(b"#!") else 0o644
    archive.addfile(entry, io.BytesIO(contents))


if __name__ == "__main__":
    # For the installer: which version of a head this checkout would be.
    here = Path(__file__).resolve().parents[3]
    sys.stdout.write(f"{version_name(here, packed(here, for_head=True))}\n")
