"""What every machine of a test's network has, be it a few namespaces or a whole system that boots."""

import ctypes
import os
import re
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tests.lan.cable import Cable
from tests.lan.commands import CommandFailed, do

T = TypeVar("T")
Argv = Sequence[str | Path]
CLONE_NEWNET = 0x40000000
LISTENING = re.compile(r"^\S+\s+\S+\s+\S+\s+(?P<address>\S+):(?P<port>\d+)\s")


class Host(ABC):
    """``address`` is its own on the network; ``folder`` is outside of it, for the test."""

    def __init__(self, name: str, *, address: str, cable: Cable, folder: Path) -> None:
        self.name = name
        self.address = address
        self.cable = cable
        self.folder = folder

    @abstractmethod
    def entering(self, argv: Argv, *, user: str, env: Mapping[str, str]) -> list[str]:
        """The command that does it in there, as that user."""

    @abstractmethod
    def inside(self, path: str) -> Path:
        """A file of the machine, as the test reaches it."""

    def run(
        self,
        argv: Argv,
        *,
        user: str = "root",
        env: Mapping[str, str] | None = None,
        given: str | None = None,
        seconds: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """To its end.

        Raises:
            CommandFailed: it ended with another code than 0 and ``check`` holds.
            subprocess.TimeoutExpired: it did not end.
        """
        words = self.entering(argv, user=user, env=env or {})
        done = subprocess.run(words, input=given or "", capture_output=True, text=True, timeout=seconds, check=False)
        if check and done.returncode:
            told = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}".strip()
            raise CommandFailed(f"{self.name}: {' '.join(map(str, argv))}: {done.returncode}: {told}")
        return done

    def listening(self) -> set[tuple[str, int]]:
        """Address and port of all that takes TCP connections, as the kernel knows it: ``("127.0.0.1", 11434)``."""
        told = do(["ss", "-ltnH"], space=self.cable.space)
        found = (LISTENING.match(line) for line in told.splitlines())
        return {(hit["address"].partition("%")[0], int(hit["port"])) for hit in found if hit}

    def reach(self, port: int, *, of: "Host", seconds: float = 2) -> str:
        """What becomes of a connection from here: ``open``, ``refused``, ``silent`` or ``unreachable``."""
        with self.socket() as sock:
            sock.settimeout(seconds)
            try:
                sock.connect((of.address, port))
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                return "silent"
            except OSError:
                return "unreachable"
            return "open"

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket of this machine in the test's hands: what is connected or bound with it is so in there."""
        return self.within(lambda: socket.socket(family, kind))

    def within(self, work: Callable[[], T]) -> T:
        """Done in a thread of the test that stands in the machine's network while it lasts."""
        found: list[T] = []

        def stand() -> None:
            handle = os.open(f"/run/netns/{self.cable.space}", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(handle)
            found.append(work())

        # The thread ends there: none of the others ever leaves the test's own network.
        thread = threading.Thread(target=stand)
        thread.start()
        thread.join()
        return found[0]
