"""A real PostgreSQL of our own, on a free port, gone at the end."""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

from tests.ports import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def as_postgres(*words: str) -> None:
    """Runs as the user that PostgreSQL insists on, when we are root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *words], check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a server with an empty database. Needs the distribution's ``postgresql`` package."""
    assert BINARIES, "PostgreSQL is not installed: scripts/setup/system_packages.sh installs it"
    programs, port = BINARIES[-1], free_port()
    # Not below a test's own folder: those let only their owner in, and the server runs as somebody else.
    folder = Path(mkdtemp(prefix="cluster-ai-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    data, options = str(folder / "data"), f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
    try:
        as_postgres(
            str(programs / "initdb"),
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        control = [str(programs / "pg_ctl"), "-D", data, "-w"]
        as_postgres(
            *control, "-o", f"{options} -c unix_socket_directories={folder}", "-l", str(folder / "log"), "start"
        )
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            as_postgres(*control, "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)
