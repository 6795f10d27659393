"""The system that machines boot: made once by debootstrap, kept in the checkout's cache, never written to afterwards.

``python -m tests.lan.root`` makes it beforehand. Made here: one minute, 0.3 GB; found again: at once.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lan.commands import CommandFailed, do, tool

CACHE = Path(__file__).parents[2] / ".cache" / "machines"
RECIPE = Path(__file__).with_name("root.sh")
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "openssh-server",
    "sudo",
    "python3",
    "python3-venv",
    "ca-certificates",
    "curl",
    "iproute2",
    "nftables",
    "procps",
    "less",
    # What the model engine is linked with.
    "libgomp1",
)
"""What a small server has that somebody uses by SSH."""


def root(more: tuple[str, ...] = ()) -> Path:
    """The folder of the system, with ``more`` packages; the first to ask makes it, whoever asks meanwhile waits.

    Raises:
        CommandFailed: it cannot be made here.
    """
    codename = _system()["VERSION_CODENAME"]
    packages = (*PACKAGES, *more)
    made_of = " ".join((codename, *packages, RECIPE.read_text()))
    folder = CACHE / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    with _alone():
        if not folder.exists():
            # Of one who was stopped. Others stay: machines of another checkout's state may stand on them.
            shutil.rmtree(folder.with_suffix(".new"), ignore_errors=True)
            _make(folder.with_suffix(".new"), codename, packages)
            folder.with_suffix(".new").rename(folder)
    return folder


def _make(folder: Path, codename: str, wanted: tuple[str, ...]) -> None:
    # Mounts that debootstrap and the recipe leave behind end with their namespace.
    alone = [tool("unshare", "util-linux"), "--mount", "--propagation", "private", "--pid", "--fork"]
    bootstrap = tool("debootstrap", "debootstrap")
    packages = f"--include={','.join(wanted)}"
    try:
        do([*alone, bootstrap, "--variant=minbase", packages, codename, folder, _mirror(codename)], seconds=900)
        do([*alone, "sh", RECIPE, folder], seconds=120)
    except CommandFailed as no:
        shutil.rmtree(folder, ignore_errors=True)
        raise CommandFailed(
            f"a system cannot be made here (root, and a way to the distribution, are needed): {no}"
        ) from no


def _mirror(codename: str) -> str:
    """From where this box's own apt gets its packages."""
    told = do(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Suite: {codename}"])
    told = told or do(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {codename}"]
    )
    assert told, f"apt of this box knows no packages of {codename}: run apt-get update"
    return told.split()[0]


def _system() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    assert os.geteuid() == 0, "only root can make a system"
    print(root())
