"""A process that a test started in a machine."""

import signal
import subprocess
from pathlib import Path

import psutil

from tests.waiting import until


class Running:
    """Ends with :meth:`end`, with its machine, and with the test, however that ends."""

    def __init__(self, words: list[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as written:
            self._entered = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def process(self) -> psutil.Process:
        """Itself, by its number outside of the machine.

        Raises:
            AssertionError: it has ended, or did not start.
        """

        def first() -> psutil.Process | None:
            assert self._entered.poll() is None, f"it ended: {self.output()[-2000:]}"
            return next(iter(psutil.Process(self._entered.pid).children()), None)

        return until(first, what="the process is there")

    @property
    def alive(self) -> bool:
        return self._entered.poll() is None

    def carry_on(self) -> None:
        """After its machine was frozen: nsenter stops beside what it waits for."""
        if self.alive:
            self._entered.send_signal(signal.SIGCONT)

    def output(self) -> str:
        """All it wrote, standard error included."""
        return self.log.read_text(errors="replace")

    def says(self, words: str, seconds: float = 10) -> str:
        """All it wrote, as soon as ``words`` are among it.

        Raises:
            AssertionError: they did not come, or it ended before.
        """

        def said() -> str | None:
            alive, told = self.alive, self.output()
            assert alive or words in told, f"it ended: {told[-2000:]}"
            return told if words in told else None

        return until(said, seconds=seconds, what=f"it says {words!r}")

    def wait(self, seconds: float = 10) -> int:
        """The code that it ended with.

        Raises:
            subprocess.TimeoutExpired: it did not end.
        """
        return self._entered.wait(seconds)

    def kill(self) -> None:
        """With all that it started and that is still in its process group."""
        if self.alive:
            self.process.kill()
        self._entered.wait(10)

    def end(self, seconds: float = 10) -> int:
        """As a supervisor does: asked first, then killed."""
        if not self.alive:
            return self._entered.wait()
        try:
            self.process.send_signal(signal.SIGTERM)
            return self.wait(seconds)
        except (subprocess.TimeoutExpired, psutil.NoSuchProcess, AssertionError):
            self.kill()
            return self.wait()
