"""Runs somebody's Python file in a process of its own, below a worker: with an end in time, and ended on request."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from cluster_ai.core.processes import how_it_ended, signal_group

CHILD: Final = Path(__file__).with_name("script_child.py")
KEPT_OUTPUT: Final = 64 * 1024
"""Bytes of the end of what it wrote."""
LARGEST_RESULT: Final = 256 * 1024
CLOSED: Final = ("CLUSTER_AI_", "DASK_")
"""Beginnings of names that a script does not find in its environment."""


@dataclass(frozen=True, slots=True)
class Script:
    """What to run. With a ``function`` it is called with ``args`` and ``kwargs``; else the file is a program."""

    id: str
    name: str
    source: str
    function: str = ""
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended. ``result`` is JSON text; ``error`` is empty when it went well."""

    error: str
    result: str = ""
    output: str = ""
    seconds: float = 0.0
    lost: bool = False
    """It had been begun before, and what became of that nobody knows."""


@dataclass(slots=True)
class _Life:
    """One script under way."""

    process: "subprocess.Popen[bytes] | None" = None
    output: bytes = b""
    ended: bool = False
    """Somebody asked for its end."""


class Scripts:
    """Those that one worker runs now. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lives: dict[str, _Life] = {}
        self._lock = threading.Lock()

    def run(self, script: Script, scratch: Path) -> Ran:
        """To its end; blocks."""
        started = time.monotonic()
        life = _Life()
        with self._lock:
            self._lives[script.id] = life
        folder = Path(tempfile.mkdtemp(prefix="script-", dir=scratch))
        try:
            error = self._to_the_end(script, folder, life)
            result = _result(folder) if not error else ""
        finally:
            with self._lock:
                del self._lives[script.id]
            shutil.rmtree(folder, ignore_errors=True)
        output = life.output.decode("utf-8", "replace")
        return Ran(error, result, output, round(time.monotonic() - started, 3))

    def end(self, script_id: str) -> bool:
        """Ends it with all that it started; whether it was here."""
        with self._lock:
            life = self._lives.get(script_id)
            if life is None:
                return False
            life.ended = True
            if life.process is not None:
                signal_group(life.process.pid, signal.SIGKILL)
        return True

    def output(self, script_id: str) -> str:
        """The end of what it wrote so far; empty when it is not here."""
        with self._lock:
            life = self._lives.get(script_id)
        return life.output.decode("utf-8", "replace") if life else ""

    @staticmethod
    def _was_ended(life: _Life) -> bool:
        return life.ended

    def _to_the_end(self, script: Script, folder: Path, life: _Life) -> str:
        _write(script, folder)
        with self._lock:
            if self._was_ended(life):
                return "cancelled"
            argv = [sys.executable, "-P", str(CHILD), str(folder)]
            process = life.process = subprocess.Popen(  # noqa: S603 - our own words
                argv,
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert process.stdout
        reading = threading.Thread(
            target=_pour, args=(process.stdout, life), name=f"output of {script.id}", daemon=True
        )
        reading.start()
        try:
            code = process.wait(script.seconds)
        except subprocess.TimeoutExpired:
            code = None
        # What it left behind goes, too; and with it the last writer into the pipe.
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        reading.join()
        if self._was_ended(life):
            return "cancelled"
        if code is None:
            return f"not done within {script.seconds:.0f} s"
        return "" if code == 0 else how_it_ended(code)


def _write(script: Script, folder: Path) -> None:
    call = {"name": script.name, "function": script.function, "args": script.args, "kwargs": script.kwargs}
    (folder / "call.json").write_text(json.dumps(call), encoding="utf-8")
    (folder / "job.py").write_text(script.source, encoding="utf-8")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(CLOSED)}


def _pour(pipe: IO[bytes], life: _Life) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), 65_536):
            life.output = (life.output + data)[-KEPT_OUTPUT:]


def _result(folder: Path) -> str:
    try:
        with (folder / "result.json").open(encoding="utf-8") as file:
            text = file.read(LARGEST_RESULT + 1)
    except FileNotFoundError:
        return ""
    if len(text) > LARGEST_RESULT:
        return json.dumps(f"larger than {LARGEST_RESULT} characters: write it to a file")
    return text
