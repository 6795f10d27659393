"""Changes of a file system that survive a power cut: whole or not at all. Python's own library alone."""

import os
import tempfile
from pathlib import Path


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """``path`` says ``text``, or what it said before."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    sync(path.parent)


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


def sync(folder: Path) -> None:
    """Names in ``folder`` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
