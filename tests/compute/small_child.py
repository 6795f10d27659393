"""A child that does what its order says, in the words of the contract; for tests of who looks after children."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: Path) -> int:
    order = json.loads((folder / "order.json").read_text())
    for step in order["parameters"]["steps"]:
        done = _do(step, folder)
        if done is not None:
            return done
    return 0


def say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
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
    sys.exit(main(Path(sys.argv[1])))
