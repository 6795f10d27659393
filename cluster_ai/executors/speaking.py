"""What an attempt says while it works: lines of JSON on its standard output."""

import os
import threading
from typing import Any, Final

from cluster_ai.core.wire import dump_json
from cluster_ai.executors.contract import Result

MOST_LINE: Final = 4096


class Speaker:
    """Says lines of JSON about one order to whoever gave it. Any thread may speak; logs have an end, progress not.

    After the result nothing is said any more: what is left of one order is no part of the next.
    """

    def __init__(self, number: int, log_bytes: int, fd: int = 1) -> None:
        self._lock = threading.Lock()
        self._fd = fd
        self._number = number
        self._over = False
        self._left = log_bytes
        self._share = -1.0

    def progress(self, share: float, note: str = "") -> None:
        share = round(min(1.0, max(0.0, share)), 3)
        with self._lock:
            if share == self._share or self._over:
                return
            self._share = share
            self._say({"progress": share, "note": note[:200]})

    def log(self, text: str) -> None:
        with self._lock:
            if self._left <= 0 or self._over:
                return
            self._left -= len(text) + 1
            self._say({"log": text[:MOST_LINE] if self._left > 0 else "... and more, which is not passed on"})

    def result(self, result: Result, *, last: bool) -> None:
        """``last``: this process does no other order."""
        with self._lock:
            self._over = True
            self._say({"result": result.model_dump(mode="json")} | ({"last": True} if last else {}))

    def _say(self, words: dict[str, Any]) -> None:
        # One write a line: who reads must never see half of one when we are killed.
        data = dump_json({"of": self._number, **words}) + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]
