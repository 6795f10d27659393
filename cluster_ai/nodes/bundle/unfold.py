"""Makes a version out of a bundle that was fetched: beside the one that runs, whole or not at all, without a network.

Python's own library and the uv that the bundle brings.
"""

import contextlib
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster_ai.core import files
from cluster_ai.nodes.bundle.fetch import is_whole
from cluster_ai.nodes.bundle.manifest import MANIFEST, PROGRAM, BadBundle, Manifest
from cluster_ai.nodes.bundle.switch import COMPLETE, VERSIONS

LOCKS: Final = ("runtime.lock", "models.lock")
PATIENCE: Final = 1800.0
UNPACKED: Final = 4
"""How many times larger a version is than its bundle, at most."""


class CannotUnfold(Exception):
    """A step failed; the message has the last of what it said."""


def unfold(folder: Path, manifest: Manifest, prefix: Path, python: str) -> str:
    """Makes ``<prefix>/versions/<name>`` from the files in ``folder``; answers its name. Nothing is switched.

    Args:
        folder: with the files of ``manifest``, all of them.
        manifest: whose signature was checked.
        prefix: exists.
        python: the interpreter that the version is for.

    Raises:
        BadBundle: a file is not what the list says.
        CannotUnfold: the packages do not fit this machine.
        OSError: the disk is full or cannot be written.
    """
    final = prefix / VERSIONS / manifest.name
    if (final / COMPLETE).is_file():
        return manifest.name
    _check(folder, manifest)
    with _draft(prefix / VERSIONS, manifest.name) as draft:
        extract(folder / PROGRAM, draft / "program")
        _packages(folder, draft, python)
        files.replace(draft / COMPLETE, (folder / MANIFEST).read_bytes(), mode=0o644)
        check_health(draft)
        # Tens of thousands of files: one call for all of them, before the name says that they are there.
        os.sync()
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
    files.sync(final.parent)
    return manifest.name


def check_health(version: Path) -> None:
    """Runs what proves that a version can be started here.

    Raises:
        CannotUnfold: it cannot.
    """
    _run([str(version / "venv/bin/python"), "-P", "-m", "cluster_ai.nodes.bundle.health"])


def extract(archive: Path, folder: Path) -> None:
    """Plain files only, below ``folder`` only: the archive is signed, and is not trusted more than it must be.

    Raises:
        BadBundle: it holds anything else.
    """
    with tarfile.open(archive, "r:gz") as opened:
        for entry in opened:
            source = opened.extractfile(entry) if entry.isreg() else None
            if source is None or entry.name.startswith("/") or ".." in Path(entry.name).parts:
                raise BadBundle(f"the program has something that is no plain file: {entry.name[:60]!r}")
            target = folder / entry.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("wb") as written:
                shutil.copyfileobj(source, written)
            target.chmod(0o755 if entry.mode & stat.S_IXUSR else 0o644)


def _check(folder: Path, manifest: Manifest) -> None:
    for file in manifest.files:
        if not is_whole(folder / file.name, file):
            raise BadBundle(f"{file.name} is not what the head has signed")


@contextlib.contextmanager
def _draft(folder: Path, name: str) -> Iterator[Path]:
    """A folder that is gone at the end unless it was renamed. Those of runs that were killed go first."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = folder / f".new-{os.getpid()}-{name}"
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _packages(folder: Path, draft: Path, python: str) -> None:
    wheels, venv, cache = folder / "wheels", draft / "venv", draft / "cache"
    uv = _uv(wheels, draft)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "PYTHON"))}
    environment |= {"UV_CACHE_DIR": str(cache), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_OFFLINE": "1"}
    _run([uv, "venv", "--quiet", "--relocatable", "--python", python, str(venv)], environment)
    locks = [str(draft / "program/requirements" / name) for name in LOCKS]
    sync = [uv, "pip", "sync", "--python", str(venv / "bin/python"), "--no-index", "--find-links", str(wheels)]
    _run([*sync, "--require-hashes", "--no-progress", "--compile-bytecode", *locks], environment)
    shutil.rmtree(cache, ignore_errors=True)
    Path(uv).unlink()
    site = next(venv.glob("lib/python3*/site-packages"))
    # Relative to where it stands: the version gets its name only at the end.
    (site / "cluster-ai.pth").write_text(os.path.relpath(draft / "program", site) + "\n", encoding="utf-8")
    _run([str(venv / "bin/python"), "-m", "compileall", "-q", str(draft / "program")])


def _uv(wheels: Path, draft: Path) -> str:
    """The installer, out of its wheel: one file that needs nothing else."""
    wheel = next(wheels.glob("uv-*.whl"), None)
    if wheel is None:
        raise BadBundle("the bundle has no uv")
    with zipfile.ZipFile(wheel) as opened:
        inside = next(name for name in opened.namelist() if name.endswith(".data/scripts/uv"))
        target = draft / "uv"
        with opened.open(inside) as source, target.open("wb") as written:
            shutil.copyfileobj(source, written)
    target.chmod(0o755)
    return str(target)


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own words and paths, no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise CannotUnfold(f"{Path(command[0]).name} did not end in {PATIENCE:.0f} s") from exc
    if done.returncode:
        raise CannotUnfold(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[-1500:]}")
