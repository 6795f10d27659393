"""The process of one attempt: ``python -m cluster_ai.executors.child FOLDER``. See ``contract.py`` for what it says."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

import psutil
from pydantic import ValidationError

from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.paths import default_home
from cluster_ai.core.processes import adopt_orphans, tie_to_parent
from cluster_ai.core.wire import dump_json
from cluster_ai.executors import machine
from cluster_ai.executors.catalogue import perform
from cluster_ai.executors.contract import Order, Result
from cluster_ai.executors.failures import CODES, Cancelled, Failed, failed
from cluster_ai.executors.means import Means
from cluster_ai.executors.outcome import fitted
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.stopping import Stop

MOST_LINE: Final = 4096
_KIB: Final = 1024


class Speaker:
    """Says lines of JSON to whoever started us. Any thread may speak; logs have an end, progress and result not."""

    def __init__(self, log_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left = log_bytes
        self._share = -1.0

    def progress(self, share: float, note: str = "") -> None:
        share = round(min(1.0, max(0.0, share)), 3)
        with self._lock:
            if share == self._share:
                return
            self._share = share
            _say({"progress": share, "note": note[:200]})

    def log(self, text: str) -> None:
        with self._lock:
            if self._left <= 0:
                return
            self._left -= len(text) + 1
            _say({"log": text[:MOST_LINE] if self._left > 0 else "... and more, which is not passed on"})

    def result(self, result: Result) -> None:
        with self._lock:
            _say({"result": result.model_dump(mode="json")})


def _say(words: dict[str, Any]) -> None:
    # One write a line: who reads must never see half of one when we are killed.
    data = dump_json(words) + b"\n"
    while data:
        data = data[os.write(1, data) :]


def main(folder: Path) -> int:
    """Does what the order asks, and says how it went."""
    stop, home = Stop(), default_home(os.environ)
    signal.signal(signal.SIGTERM, stop.ask)
    signal.signal(signal.SIGINT, stop.ask)
    tie_to_parent()
    adopt_orphans()
    try:
        settings = machine.own_settings()
    except Misconfigured as exc:
        Speaker(0).result(_of_ours(exc))
        return 0
    speaker = Speaker(settings.log_kib * _KIB)
    result = _result(folder, machine.means_of(settings, stop, hidden=(folder.parent, home)), speaker)
    _end_all_below()
    Room(folder).clear()
    speaker.result(result)
    return 0


def _result(folder: Path, means: Means, speaker: Speaker) -> Result:
    try:
        order = Order.model_validate_json((folder / "order.json").read_bytes())
        return fitted(perform(order, folder, means=means, said=speaker), folder)
    except Cancelled:
        return failed("cancelled", CODES["cancelled"][1])
    except Failed as exc:
        return fitted(exc.result, folder)
    except ClusterError as exc:
        return _of_ours(exc)
    except (OSError, ValidationError) as exc:
        return failed("internal", f"{type(exc).__name__}: {exc}")


def _of_ours(error: ClusterError) -> Result:
    path = getattr(error, "path", "")
    code = "invalid_input" if error.code == "invalid_input" else "internal"
    return failed(code, f"{path}: {error.message}" if path else error.message)


def _end_all_below() -> None:
    """What a program without a sandbox has left behind is our child by now, wherever it went."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=5)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]).absolute())
    sys.stdout.flush()
    # Threads that still wait for a model must not be waited for.
    os._exit(code)
