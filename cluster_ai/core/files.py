"""Changes of files that survive a power cut and whoever makes them: whole or not at all. Python's own library alone:
the installer has it, too.
"""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: str | bytes, *, mode: int = 0o600, draft: Path | None = None) -> None:
    """``path`` says ``content``, or what it said before; it is on the disk when this comes back. Blocks.

    ``draft`` is where it is written first, for who sweeps up after writers that were killed; else a name that nobody
    has, so that two writers do not spoil each other's.

    Raises:
        OSError: it cannot be written: what was there stays, and no draft is left.
    """
    descriptor, written = _begun(path, draft)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
            opened.flush()
            os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _begun(path: Path, draft: Path | None) -> tuple[int, Path]:
    if draft is not None:
        return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), draft
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    return descriptor, Path(name)


def point(link: Path, target: str) -> None:
    """The symbolic link leads to ``target``; at no moment is there none."""
    draft = link.with_name(f".{link.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
    sync(link.parent)


def take_away(path: Path) -> bool:
    """Whether the file was there; it is not any more."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync(path.parent)
    return True


def sync(path: Path) -> None:
    """The file, or the names in the folder, are on the disk. Blocks."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """The folder is on the disk with everything below it. Blocks."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            sync(path)
