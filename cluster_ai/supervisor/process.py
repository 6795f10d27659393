"""A part's process and all that it starts: one group, one log, ended and waited for as a whole."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from cluster_ai.core.processes import adopt_orphans, signal_group
from cluster_ai.supervisor.logfile import LogFile

_PIPE_BYTES = 64 * 1024
_REAP_SECONDS = 2.0
_REAP_PAUSE = 0.01


class Group:
    """A running part. ``pid`` is that of its first process, and the group's number."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid

    def signal(self, number: signal.Signals) -> None:
        """To every process of the group."""
        signal_group(self.pid, number)

    def ask_to_end(self) -> None:
        """SIGTERM to the first process alone: it ends what it started in its own order."""
        os.kill(self.pid, signal.SIGTERM)
        # A stopped process takes no SIGTERM before it goes on.
        self.signal(signal.SIGCONT)

    async def ended(self) -> None:
        """Waits until the first process has ended. It is not reaped, so its number stays its own."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        handle = os.pidfd_open(self.pid)
        loop.add_reader(handle, done.set)
        try:
            await done.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)

    async def clear(self) -> int:
        """Kills what is left of the group and reaps it; answers the exit code of the first process."""
        deadline = asyncio.get_running_loop().time() + _REAP_SECONDS
        while self._reap() and asyncio.get_running_loop().time() < deadline:
            signal_group(self.pid, signal.SIGKILL)
            await asyncio.sleep(_REAP_PAUSE)
        if self._popen.returncode is None:
            # Not even SIGKILL ends a process that hangs inside the kernel; it is left to it.
            self._popen.returncode = -signal.SIGKILL
        return self._popen.returncode

    def _reap(self) -> bool:
        """Takes the dead of the group; False when nobody is left. Orphans are ours: see ``adopt_orphans``."""
        first_code = self._popen.returncode
        if first_code is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return True
        # The first process goes last: as long as it is not reaped, nobody else can be given its number.
        signal_group(self.pid, signal.SIGKILL)
        try:
            while True:
                pid, status = os.waitpid(-self.pid, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.pid:
                    self._popen.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            return False


@asynccontextmanager
async def running(
    argv: Sequence[str], *, env: Mapping[str, str], log: LogFile, hand_down: Sequence[int] = ()
) -> AsyncIterator[Group]:
    """A process group that ends with the block, however that ends. It has the open files of ``hand_down``, too.

    Raises:
        OSError: it cannot be started.
    """
    # Whatever the part leaves behind becomes ours to wait for.
    adopt_orphans()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    loop = asyncio.get_running_loop()
    try:
        try:
            popen = subprocess.Popen(  # noqa: ASYNC220, S603 - vfork in this thread (PDEATHSIG watches it); argv is our own
                argv, env=env, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, start_new_session=True,
                pass_fds=hand_down,
            )  # fmt: skip
        finally:
            os.close(writing)
        loop.add_reader(reading, _pour, reading, log)
        group = Group(popen)
        try:
            yield group
        finally:
            await group.clear()
            loop.remove_reader(reading)
            _pour(reading, log)
    finally:
        os.close(reading)


def _pour(reading: int, log: LogFile) -> None:
    """What waits in the pipe, into the log. Bounded, so that a part that shouts does not stop the loop."""
    for _ in range(16):
        try:
            data = os.read(reading, _PIPE_BYTES)
        except BlockingIOError:
            return
        if not data:
            # Everybody closed it; a reader on it would be called for ever.
            asyncio.get_running_loop().remove_reader(reading)
            return
        log.write(data)
