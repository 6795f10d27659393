"""What an attempt says while it works: lines of JSON on its standard output."""

import os
import threading
from typing import Any, Final

from cluster_ai.core.wire import dump_json
from cluster_ai.executors.contract import Result

MOST_LINE: Final = 4096


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
