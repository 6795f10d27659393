"""Keeps one command and all that it starts: ``keeper.py PARENT LIMITS COMMAND...``; ``LIMITS`` is a JSON object.

A process of its own between the agent and the command. Whatever the command leaves behind becomes its child, however
often it forks away, and ends with it: when the command has ended, when it is told to (SIGTERM), and when the agent
dies. It ends as the command did. Only small parts of the standard library are imported: it starts in 20 ms.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 3
NOT_FOUND = 127
NOT_RUN = 126


def main(parent: int, limits: dict[str, Any], argv: list[str]) -> NoReturn:
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A wish to end that comes before there is somebody to end waits until there is.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(NOT_RUN)
    command = os.fork()
    if command == 0:
        _become(limits, argv)
    _let_go_of_output()
    _end_when_told(command)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    status = _wait_for(command)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(0)
    _end_all(signal.SIGKILL)
    _end_as(status)


def _become(limits: dict[str, Any], argv: list[str]) -> NoReturn:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    for name, most in limits["resources"].items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # A limit that this system does not take is no reason not to run.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(number, (least, least))
    os.nice(limits["nice"])
    try:
        os.chdir(limits["folder"])
        os.execvp(argv[0], argv)  # noqa: S606 - a list of words that no shell reads
    except OSError as exc:
        os.write(2, f"{argv[0]}: {exc.strerror}\n".encode("utf-8", "replace"))
        os._exit(NOT_FOUND if isinstance(exc, FileNotFoundError) else NOT_RUN)


def _let_go_of_output() -> None:
    """Whoever reads it sees its end when the last of the command's processes has ended, not when we have."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def _end_when_told(command: int) -> None:
    def end(_number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command, signal.SIGTERM)
        signal.alarm(GRACE_SECONDS)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda _number, _frame: _signal_all(signal.SIGKILL))


def _wait_for(command: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == command:
            return status


def _end_all(number: int) -> None:
    """Ends our children until there are none: those of one that ended become ours."""
    with contextlib.suppress(ChildProcessError):
        while True:
            _signal_all(number)
            os.wait()


def _signal_all(number: int) -> None:
    for pid in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _children() -> list[int]:
    """Also those that have begun a session of their own."""
    us, found = os.getpid(), []
    with os.scandir("/proc") as entries:
        for name in (entry.name for entry in entries if entry.name.isdecimal()):
            with contextlib.suppress(OSError, ValueError, IndexError):
                if _parent_of(name) == us:
                    found.append(int(name))
    return found


def _parent_of(pid: str) -> int:
    handle = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        # The name of a process stands in brackets and may hold anything; behind it come state and parent.
        return int(os.read(handle, 4096).rpartition(b")")[2].split()[1])
    finally:
        os.close(handle)


def _end_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:])
