"""What the TUI costs while it is watched: bytes to the terminal, CPU, memory, and the time to its first paint.

Runs ``cluster-ai tui`` in a pseudo-terminal of 80x24 against a small API process with 12 nodes that publishes once a
second, with every figure moving. Budget: 10 KiB/s, 5 % of a core, 60 MiB, 1 s.

    python -m benchmarks.tui_bytes [--seconds 30] [--nodes 12] [--keys 2] [--check]
"""

import argparse
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.tui.api_process import TOKEN  # noqa: E402 - the path is set above
from tests.tui.running import api_process  # noqa: E402

WARM_UP_SECONDS = 5.0
BUDGET = {"kib_per_second": 10.0, "cpu_percent": 5.0, "rss_mib": 60.0, "first_paint_seconds": 1.0}


@dataclass
class Measured:
    """Over the watched seconds, after the warm-up."""

    seconds: float
    kib_per_second: float
    cpu_percent: float
    rss_mib: float
    pss_mib: float
    first_paint_seconds: float
    first_data_seconds: float


def start(url: str, token_file: str) -> tuple[int, int]:
    """The TUI's pid and its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "CLUSTER_AI_LANG": "en"}
        words = ["-m", "cluster_ai.tui", "--url", url, "--token-file", token_file]
        os.execve(sys.executable, [sys.executable, *words], env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return pid, terminal


def read_for(terminal: int, seconds: float, *, until: bytes = b"") -> bytes:
    """What arrives within ``seconds``, or up to ``until``."""
    found = bytearray()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                found += os.read(terminal, 65536)
            except OSError:  # how Linux says that the other side has closed
                break
            if until and until in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", bytes(found)):
                break
    return bytes(found)


def pss(pid: int) -> float:
    """Proportional memory in MiB: shared pages count in parts."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024  # type: ignore[index]


def watch(url: str, token_file: str, *, seconds: float, keys: str) -> Measured:
    began = time.monotonic()
    pid, terminal = start(url, token_file)
    try:
        read_for(terminal, 15, until=b"Quit")
        painted = time.monotonic() - began
        read_for(terminal, 15, until=b"node-01")
        filled = time.monotonic() - began
        if keys:
            os.write(terminal, keys.encode())
        read_for(terminal, WARM_UP_SECONDS)
        process = psutil.Process(pid)
        before, since = process.cpu_times(), time.monotonic()
        sent = len(read_for(terminal, seconds))
        took, after = time.monotonic() - since, process.cpu_times()
        cpu = (after.user + after.system - before.user - before.system) / took * 100
        rss = process.memory_info().rss / 2**20
        return Measured(took, sent / took / 1024, cpu, rss, pss(pid), painted, filled)
    finally:
        os.write(terminal, b"q")
        read_for(terminal, 0.5)
        os.close(terminal)
        os.waitpid(pid, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--nodes", type=int, default=12)
    parser.add_argument("--keys", default="", help="pressed before measuring, for another screen")
    parser.add_argument("--check", action="store_true", help="fail when a budget is exceeded")
    args = parser.parse_args()
    with (
        api_process("--nodes", str(args.nodes), "--tick", "1") as api,
        tempfile.NamedTemporaryFile("w", suffix=".token") as token,
    ):
        token.write(TOKEN)
        token.flush()
        found = asdict(watch(api.url, token.name, seconds=args.seconds, keys=args.keys))
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))
    over = [name for name, limit in BUDGET.items() if found[name] > limit]
    if over:
        print("over budget: " + ", ".join(f"{name} ({BUDGET[name]})" for name in over), file=sys.stderr)
    return 1 if over and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
