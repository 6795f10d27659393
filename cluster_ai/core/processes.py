"""Processes of one cluster: tied to the one that started them, ended as whole groups, named when they hold a port."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

PARENT = "CLUSTER_AI_PARENT"
"""Environment variable by which a supervisor tells its parts who it is."""
PROCESS = "CLUSTER_AI_PROCESS"
"""... and each of several that do the same work its name."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def tie_to_parent(env: Mapping[str, str] | None = None) -> None:
    """Makes this process die with the supervisor that started it; does nothing when none did.

    Raises:
        SystemExit: the supervisor is gone already.
    """
    parent = (os.environ if env is None else env).get(PARENT, "")
    if not parent.isdecimal():
        return
    # What this process starts has this process as its parent, not the supervisor.
    os.environ.pop(PARENT, None)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The kernel tells of deaths from now on; one that came before shows in who our parent is.
    if os.getppid() != int(parent):
        sys.exit(f"the supervisor (process {parent}) is gone")


async def answer_of(argv: Sequence[str], *, env: Mapping[str, str], given: bytes | None = None) -> bytes:
    """What a process of its own group writes, which gets ``given``; it is ended when nobody waits for it any more.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(env),
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate(given)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    return said


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its children leave behind, so that it can be waited for."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def how_it_ended(code: int) -> str:
    """An exit code as people read it: ``exit 1``, or ``SIGKILL`` for the negative number of a signal."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def signal_group(group: int, number: signal.Signals) -> bool:
    """Sends a signal to every process of a group; False when there is none any more."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def exists(pid: int) -> bool:
    """Whether there is such a process, ours or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def port_owner(port: int) -> str:
    """``name (pid)`` of who listens on a TCP port of this machine; empty when the system does not tell us."""
    import psutil  # noqa: PLC0415 - asked for only when something is wrong; parts need not carry it

    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return ""
    for connection in found:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.Error:
                return f"process {connection.pid}"
    return ""


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl was refused")
