"""Fetches a bundle from a head, file by file, where an earlier run was cut off. Python's own library alone."""

import hashlib
import http.client
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.head import Head, Preparing
from cluster_ai.nodes.bundle.manifest import BadBundle, File, Manifest, Target

PIECE: Final = 256 * 1024
ROUNDS: Final = 5
Told = Callable[[int, int], None]
"""Bytes that are there, and of how many."""


def manifest_of(head: Head, target: Target, tell: Callable[[str], None], waits: float = 1800.0) -> Manifest:
    """What the head has for such machines; waits while it makes it.

    Raises:
        Refused, BadBundle, OSError, http.client.HTTPException
    """
    deadline = time.monotonic() + waits
    folder = f"{words.PREFIX}/{target}"
    while True:
        try:
            raw = head.read(f"{folder}/{words.MANIFEST}")
            signature = head.read(f"{folder}/{words.SIGNATURE}", 4096)
            return words.read_manifest(raw, signature, words.der_of(head.reached.authority))
        except Preparing as exc:
            if time.monotonic() > deadline:
                raise
            tell(str(exc))
            time.sleep(exc.seconds)


def fetch(head: Head, manifest: Manifest, folder: Path, told: Told) -> None:
    """Fills ``folder`` with the files of ``manifest``; takes up where an earlier run was cut off.

    Raises:
        BadBundle: a file is not what the list says, even when fetched anew.
        Refused, OSError, http.client.HTTPException: as the last of several tries ended.
    """
    there = 0
    for file in manifest.files:
        _fetch_file(
            head, f"{words.PREFIX}/{_target(manifest)}/{file.name}", folder, file, _added(told, there, manifest)
        )
        there += file.size
    told(manifest.size, manifest.size)


def is_whole(path: Path, file: File) -> bool:
    """Whether it is there, as long as it should be, and the same."""
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def _fetch_file(head: Head, path: str, folder: Path, file: File, told: Callable[[int], None]) -> None:
    target = folder / file.name
    if is_whole(target, file):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    for number in range(ROUNDS):
        try:
            _append(head, path, part, file, told)
        except (OSError, http.client.HTTPException):
            # A full disk does not get emptier by trying; a network may come back.
            if number == ROUNDS - 1 or not _has_room(folder, file.size):
                raise
            time.sleep(min(2.0**number * 0.5, 5.0))
            continue
        if is_whole(part, file):
            part.replace(target)
            return
        part.unlink(missing_ok=True)
    raise BadBundle(f"{file.name} is not what the head has signed")


def _append(head: Head, path: str, part: Path, file: File, told: Callable[[int], None]) -> None:
    begin = part.stat().st_size if part.exists() else 0
    if begin >= file.size > 0:
        return
    with head.get(path, begin) as answer, part.open("ab") as opened:
        if answer.status == http.client.OK:
            opened.truncate(0)
            begin = 0
        while begin < file.size and (piece := answer.read(min(PIECE, file.size - begin))):
            opened.write(piece)
            begin += len(piece)
            told(begin)
    if begin < file.size:
        raise http.client.IncompleteRead(b"", file.size - begin)


def _added(told: Told, there: int, manifest: Manifest) -> Callable[[int], None]:
    return lambda begin: told(there + begin, manifest.size)


def _has_room(folder: Path, needed: int) -> bool:
    return shutil.disk_usage(folder).free > needed


def _target(manifest: Manifest) -> Target:
    return Target(manifest.python, manifest.architecture)
