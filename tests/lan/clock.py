"""Another time of day for programs that are started with it; time that only passes (monotonic) stays true.

(libfaketime, which is made for that, lets ``time.sleep`` of Python fail, and waits with a time limit wait wrong.)
"""

import hashlib
import os
import threading
from pathlib import Path

from tests.lan.commands import do, tool

SOURCE = Path(__file__).with_name("clock.c")
CACHE = Path(__file__).parents[2] / ".cache" / "machines"


def skewed(file: Path, seconds: float) -> dict[str, str]:
    """The environment that does it. Programs that have it look into ``file`` at every call: it can be set again.

    Raises:
        AssertionError: there is no C compiler.
    """
    with file.open("r+b" if file.exists() else "w+b") as held:
        # In one write, and in place: programs have this very file in their memory.
        os.pwrite(held.fileno(), int(seconds * 1e9).to_bytes(8, "little", signed=True), 0)
    return {"LD_PRELOAD": str(_library()), "LAN_CLOCK": str(file)}


def _library() -> Path:
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = CACHE / f"clock-{digest}.so"
    if not library.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Machines are set up by several threads.
        mine = library.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        do([tool("cc", "gcc"), "-shared", "-fPIC", "-O2", "-Wall", "-o", mine, SOURCE])
        mine.rename(library)
    return library
