"""A real PostgreSQL of our own, on a free port, gone at the end. Needs the distribution's ``postgresql`` package."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from tests.ports import free_port

BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass
class Postgres:
    """A server that can be killed and started again; nothing in it is durable against a power cut.

    ``options``: settings of the server, as its ``-c`` takes them.
    """

    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    # Not below a test's own folder: those let only their owner in, and the server runs as somebody else.
    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="cluster-ai-pg-", dir="/tmp")))

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def make(self) -> None:
        assert BINARIES, "PostgreSQL is not installed: scripts/setup/system_packages.sh installs it"
        if os.geteuid() == 0:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        words = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", str(self.folder / "data"), *words)

    def start(self) -> None:
        settings = ("listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}", *self.options)
        options = " ".join([f"-p {self.port}", *(f"-c {one}" for one in settings)])
        words = ["-D", str(self.folder / "data"), "-w", "-o", options, "-l", str(self.folder / "log")]
        self._run("pg_ctl", *words, "start")

    def kill(self) -> None:
        """The postmaster and everybody below it, at once."""
        top = self.pid
        family = subprocess.run(["ps", "-o", "pid=", "--ppid", str(top)], capture_output=True, text=True, check=False)
        for pid in (top, *(int(word) for word in family.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        """Runs as the user that PostgreSQL insists on, when we are root."""
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        argv = [*prefix, str(BINARIES[-1] / program), *words]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a server with an empty database."""
    server = Postgres(options=("fsync=off", "full_page_writes=off"))
    try:
        server.make()
        server.start()
        yield server.url
    finally:
        server.remove()
