"""Calls the command line as a person does: a process of its own."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    fixed = {"CLUSTER_AI_HOME": str(home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    return {**own, **fixed, **more}


def cli(*words: str, env: dict[str, str], stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cluster_ai.cli.main", *words],
        env=env, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


def screen(words: list[str], env: dict[str, str], *, until: str) -> tuple[subprocess.Popen[bytes], int, str]:
    """Starts ``words`` on a terminal and reads until it shows ``until``; the process, the terminal, what it showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        words, cwd=ROOT, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    return process, master, read_until(master, until)


def read_until(master: int, text: str | None, *, seconds: float = 60) -> str:
    """What the terminal shows until ``text`` stands there; None: until everybody has closed it."""
    seen, end = "", time.monotonic() + seconds
    while text is None or text not in seen:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 0.5)[0]:
            try:
                seen += os.read(master, 65_536).decode(errors="replace")
            except OSError:
                # Linux says so when the last process at the other end is gone.
                assert text is None, seen
                return seen
    return seen
