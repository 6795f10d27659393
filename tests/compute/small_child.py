"""A child that does what its orders say, in the words of the contract; for tests of who looks after children."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

order = {"of": 0}
"""The number of the one that is done now."""


def main() -> int:
    while line := _line():
        said = json.loads(line)
        order["of"] = said["of"]
        folder = Path(said["folder"])
        for step in json.loads((folder / "order.json").read_text())["parameters"]["steps"]:
            done = _do(step, folder)
            if done is not None:
                return done
    return 0


def _line() -> bytes:
    found = b""
    while not found.endswith(b"\n") and (piece := os.read(0, 1)):
        found += piece
    return found


def say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(order | said) + "\n")
    sys.stdout.flush()


def _do(step: dict[str, Any], folder: Path) -> int | None:  # noqa: C901 - a line for each thing it can do
    match step:
        case {"say": said}:
            say(said)
        case {"write": text}:
            os.write(2, text.encode())
        case {"note": name}:
            (folder / name).write_text(str(os.getpid()))
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"wait_for": name}:
            while not (folder / name).exists():
                time.sleep(0.01)
        case {"tell": name}:
            say({"result": {"ok": True, "value": json.loads((folder / name).read_text())}})
        case {"deaf": True}:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case {"take": size}:
            globals()["held"] = bytearray(os.urandom(1024)) * (size // 1024)
        case {"leave_behind": name}:
            left = subprocess.Popen(["sleep", "600"])
            (folder / name).write_text(str(left.pid))
        case {"die": number}:
            os.kill(os.getpid(), number)
        case {"exit": code}:
            return int(code)
    return None


if __name__ == "__main__":
    sys.exit(main())
