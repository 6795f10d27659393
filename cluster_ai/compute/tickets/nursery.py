"""Child processes that do orders, out of one warm process of this worker."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.processes import PARENT, PROCESS, signal_group

CHILD: Final = "cluster_ai.executors.child"
WISH: Final = b"a child"
"""Descriptors travel with words, whatever they are."""


class NoChild(Unavailable):
    """No process can be started here now."""

    code = "no_child"


@dataclass(frozen=True, slots=True)
class Child:
    """A process that runs. It reads ``orders``; ``told`` gives its exit code, a line, when it has ended."""

    pid: int
    orders: int
    out: int
    err: int
    told: int

    def signal(self, number: signal.Signals) -> bool:
        """To its whole group; whether there was one."""
        return signal_group(self.pid, number)

    def close(self) -> None:
        for descriptor in (self.orders, self.out, self.err, self.told):
            os.close(descriptor)


class Nursery:
    """Starts the warm process with the first child, and again when it is gone. Any thread may call."""

    def __init__(self, module: str = CHILD) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._warm: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> Child:
        """A child that waits for its first order.

        Raises:
            NoChild: the machine does not give one.
        """
        with ExitStack() as stack:
            orders, *heard = [_pipe(stack) for _ in range(4)]
            theirs = [orders[0], *(writing for _, writing in heard)]
            ours = [orders[1], *(reading for reading, _ in heard)]
            try:
                self._send(theirs)
            except OSError as exc:
                raise NoChild(f"no process can be started: {exc}", hint="is the machine out of memory?") from exc
            for descriptor in theirs:
                os.close(descriptor)
            stack.pop_all()
        pid = _line(ours[-1])
        if not pid:
            for descriptor in ours:
                os.close(descriptor)
            raise NoChild("the process that starts others ended")
        return Child(int(pid), *ours)

    def close(self) -> None:
        """Ends the warm process and all that it started."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            if self._warm is not None:
                try:
                    self._warm.wait(5)
                except subprocess.TimeoutExpired:
                    self._warm.kill()
                    self._warm.wait()
            self._control = self._warm = None

    def _send(self, descriptors: list[int]) -> None:
        with self._lock:
            if self._control is not None:
                try:
                    socket.send_fds(self._control, [WISH], descriptors)
                except (BrokenPipeError, ConnectionError):
                    self._forget()
                else:
                    return
            socket.send_fds(self._started(), [WISH], descriptors)

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._warm is not None:
            self._warm.kill()
            self._warm.wait()
        self._control = self._warm = None

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, "-m", "cluster_ai.compute.tickets.warm", str(theirs.fileno()), self._module]
            self._warm = subprocess.Popen(  # noqa: S603 - our own words
                argv, env=_environment(), pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._control = ours
        return ours


def _pipe(stack: ExitStack) -> tuple[int, int]:
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    stack.callback(os.close, writing)
    return reading, writing


def _line(descriptor: int) -> bytes:
    """Up to the end of the line; empty when there is none."""
    found = b""
    while not found.endswith(b"\n"):
        piece = os.read(descriptor, 1)
        if not piece:
            return b""
        found += piece
    return found


def _environment() -> dict[str, str]:
    """The child finds its settings there; what it runs for somebody gets an environment of the sandbox's making."""
    return {name: value for name, value in os.environ.items() if name not in {PARENT, PROCESS}}
