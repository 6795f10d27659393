"""What earlier runs left in the data directory; and how what is safe to mend is mended."""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cluster_ai.cli import place
from cluster_ai.cli.findings import Check, Verdict
from cluster_ai.cli.words import t
from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE, Home

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SCRATCH: Final = "backup-"
_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_PUBLIC: Final = frozenset({b"CERTIFICATE", b"CERTIFICATE REQUEST", b"PUBLIC KEY", b"X509 CRL"})
"""Labels of RFC 7468 whose content everybody may read."""
_LONGEST: Final = 1024 * 1024
"""Bytes: nothing public of ours is longer."""


def check_left(home: Home, *, runs: bool) -> Iterator[Check]:
    """Only what is wrong: there is nothing to say of what was not left."""
    for path in _open_secrets(home):
        command = f"chmod 600 {path}"
        yield Check("secrets", Verdict.PROBLEM, t("doctor.secret_open", path=path), command, "secret_open", command)
    for path in _left_scratch(home):
        command = f"rm -r {path}"
        yield Check("scratch", Verdict.WARNING, t("doctor.scratch_left", path=path), command, "scratch_left", command)
    if not runs and (home.run / "port-base").exists():
        path = home.run / "port-base"
        command = f"rm {path}"
        yield Check(
            "ports", Verdict.WARNING, t("doctor.ports_forgotten", path=path), command, "ports_forgotten", command
        )
    if home.restoring.exists():
        command = "cluster-ai backup finish"
        yield Check("restore", Verdict.PROBLEM, t("doctor.restore_left"), command, "restore_left", command)
    if home.updating.exists():
        command = "cluster-ai update finish"
        yield Check("update", Verdict.WARNING, t("doctor.update_left"), command, "update_left", command)


def _open_secrets(home: Home) -> Iterator[Path]:
    for path in sorted(home.secrets.rglob("*")) if home.secrets.is_dir() else ():
        if path.is_file() and not path.is_symlink() and _is_open(path) and not _is_public(path):
            yield path


def _is_public(path: Path) -> bool:
    """Whether ``path`` holds certificates and the like and nothing else; its name says nothing of that."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError:
        return False
    labels = frozenset(_BLOCK.findall(content))
    return bool(labels) and labels <= _PUBLIC and len(content) <= _LONGEST


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)


def _left_scratch(home: Home) -> Iterator[Path]:
    """Of processes that are no more."""
    for path in sorted(home.scratch.glob(f"{_SCRATCH}*")):
        owner = path.name.removeprefix(_SCRATCH).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            yield path


def _close_home(home: Home) -> None:
    for path in (home.secrets, home.data, home.run):
        if path.exists() and _is_open(path):
            path.chmod(PRIVATE_DIR)


def _close_secrets(home: Home) -> None:
    for path in _open_secrets(home):
        path.chmod(PRIVATE_FILE)


def _clear_scratch(home: Home) -> None:
    for path in _left_scratch(home):
        shutil.rmtree(path)


def _forget_ports(home: Home) -> None:
    place.forget(home)
    os.environ.pop(place.VARIABLE, None)


MENDS: Final = MappingProxyType[str, Callable[[Home], None]](
    {
        "home_open": _close_home,
        "secret_open": _close_secrets,
        "scratch_left": _clear_scratch,
        "ports_forgotten": _forget_ports,
    }
)
"""How each finding is mended that may be mended without a word."""
