"""Files into one stream and out again: a tar, compressed. What comes out is only what its manifest names."""

import hashlib
import io
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

from pydantic import ValidationError

from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE
from cluster_ai.ops.types import FORMAT, BackupCorrupt, BackupNewer, Manifest, Member

MANIFEST: Final = "manifest.json"
_BLOCK: Final = 1024 * 1024
_LONGEST_MANIFEST: Final = 64 * 1024 * 1024


class Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


class Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def measured(root: Path) -> tuple[Member, ...]:
    """Every file below ``root``."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(
        Member(path=path.relative_to(root).as_posix(), size=path.stat().st_size, sha256=_digest(path)) for path in files
    )


def links(root: Path) -> dict[str, str]:
    """Every symbolic link below ``root``, and where it leads."""
    found = sorted(path for path in root.rglob("*") if path.is_symlink())
    return {path.relative_to(root).as_posix(): str(path.readlink()) for path in found}


def stays_inside(target: str) -> bool:
    """Whether a link there leads to its own folder or below."""
    path = PurePosixPath(target)
    return not path.is_absolute() and ".." not in path.parts


def pack(root: Path, manifest: Manifest, sink: Sink) -> None:
    """The manifest, then its members from below ``root``."""
    with tarfile.open(fileobj=sink, mode="w|gz") as tar:  # type: ignore[call-overload]
        text = manifest.model_dump_json().encode()
        _add(tar, MANIFEST, io.BytesIO(text), len(text))
        for member in manifest.members:
            with (root / member.path).open("rb") as file:
                _add(tar, member.path, file, member.size)


def unpack(source: Source, root: Path) -> Manifest:
    """Puts the members below ``root``, each as its manifest says or not at all.

    Raises:
        BackupCorrupt: they are not as the manifest says.
        BackupNewer: of a format that this program does not know.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|gz") as tar:  # type: ignore[call-overload]
            manifest = _manifest(tar)
            left = {member.path: member for member in manifest.members}
            while (found := tar.next()) is not None:
                _take(tar, found, left.pop(found.name, None), root)
        # What follows the archive is read too: the last chunk is what shows that nothing was cut off.
        while source.read(_BLOCK):
            pass
    except (tarfile.TarError, zlib.error, EOFError) as exc:
        raise BackupCorrupt(f"the backup cannot be unpacked: {exc}") from exc
    if left:
        raise BackupCorrupt(f"the backup lacks {min(left)}")
    for name, target in manifest.links.items():
        _link(root, name, target)
    return manifest


def _add(tar: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, PRIVATE_FILE
    tar.addfile(info, file)


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    file = None if first is None or first.name != MANIFEST else tar.extractfile(first)
    if first is None or file is None or first.size > _LONGEST_MANIFEST:
        raise BackupCorrupt("the backup does not begin with its manifest")
    try:
        found = Manifest.model_validate_json(file.read())
    except ValidationError as exc:
        raise BackupCorrupt("the manifest of the backup cannot be read") from exc
    if found.format > FORMAT:
        raise BackupNewer(f"the backup is of format {found.format}, which this program does not know")
    return found


def _take(tar: tarfile.TarFile, found: tarfile.TarInfo, member: Member | None, root: Path) -> None:
    if member is None or not stays_inside(found.name) or not found.isreg():
        raise BackupCorrupt(f"the backup holds {found.name}, which its manifest does not name")
    source = tar.extractfile(found)
    assert source is not None, "a regular file has content"
    target = root / found.name
    target.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += file.write(block)
    if (size, digest.hexdigest()) != (member.size, member.sha256):
        raise BackupCorrupt(f"{found.name} in the backup is not as its manifest says")


def _link(root: Path, name: str, target: str) -> None:
    path = root / name
    if not stays_inside(name) or not stays_inside(target) or os.path.lexists(path):
        raise BackupCorrupt(f"the backup holds a link {name} that leads elsewhere")
    path.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    path.symlink_to(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
