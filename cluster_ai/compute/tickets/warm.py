"""``python -m cluster_ai.compute.tickets.warm FD MODULE``: a process that has its imports behind it, and forks.

An interpreter that starts afresh costs more than most small tickets. Whoever holds the other end of the socket ``FD``
sends four descriptors: standard input, output and error for a copy of this process, which runs ``MODULE``'s ``main()``
in a session of its own, and one on which is told how that ended. ``MODULE.prepare()``, where there is one, is called
once before. When that socket ends, so do all copies: nothing outlives the worker that wanted it.
"""

import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from cluster_ai.core.processes import adopt_orphans

LARGEST: Final = 4096
DESCRIPTORS: Final = 4
PR_SET_PDEATHSIG: Final = 1
Main = Callable[[], int]


def main(argv: list[str]) -> int:
    """Serves until the other end is closed."""
    control = socket.socket(fileno=int(argv[0]))
    module: Any = importlib.import_module(argv[1])
    adopt_orphans()
    if prepare := getattr(module, "prepare", None):
        prepare()
    # What was imported stays: copies must not touch, and so copy, its pages by counting.
    gc.collect()
    gc.freeze()
    Warm(control, module.main).serve()
    return 0


class Warm:
    """Owns the copies: forks them, and tells how each ended."""

    def __init__(self, control: socket.socket, work: Main) -> None:
        self._control = control
        self._work = work
        self._copies: dict[int, int] = {}
        """Who is told, by process."""
        self._library = ctypes.CDLL(None, use_errno=True)
        self._pid = os.getpid()

    def serve(self) -> None:
        """Until the other end is closed."""
        waking, woken = os.pipe()
        os.set_blocking(waking, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready, _, _ = select.select([self._control.fileno(), waking], [], [])
            if waking in ready:
                os.read(waking, LARGEST)
                self._reap()
            if self._control.fileno() in ready and not self._take():
                break
        for copy in list(self._copies):
            _end(copy)

    def _take(self) -> bool:
        """One wish; False when there will be no more."""
        try:
            said, descriptors, _, _ = socket.recv_fds(self._control, LARGEST, DESCRIPTORS)
        except OSError:
            return False
        if not said:
            return False
        told = descriptors[-1]
        process = os.fork()
        if process == 0:
            self._become(descriptors)
        self._copies[process] = told
        for descriptor in descriptors[:-1]:
            os.close(descriptor)
        try:
            os.write(told, f"{process}\n".encode())
        except BrokenPipeError:
            # Who wished for it has left.
            _end(process)
        return True

    def _become(self, descriptors: list[int]) -> None:
        """In the copy; never comes back."""
        code = 1
        try:
            self._library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self._pid:
                # It ended before the kernel knew whom to tell.
                os._exit(code)
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for number, descriptor in enumerate(descriptors[:-1]):
                os.dup2(descriptor, number)
            os.closerange(3, max((*descriptors, self._control.fileno(), *self._copies.values())) + 1)
            code = self._work()
            sys.stdout.flush()
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        except BaseException:  # noqa: BLE001 - the copy must not go on as the process that it was copied from
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            told = self._copies.pop(process, None)
            if told is not None:
                # What it left in its group goes with it.
                _end(process)
                _tell(told, os.waitstatus_to_exitcode(status))


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _tell(told: int, code: int) -> None:
    try:
        os.write(told, f"{code}\n".encode())
    except BrokenPipeError:
        pass
    finally:
        os.close(told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
