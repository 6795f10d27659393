"""Progress of long work on stderr: one line that is redrawn on a terminal, every tenth of the way in a pipe."""

import time
from types import TracebackType
from typing import Final, Self

from cluster_ai.cli.show import is_terminal, say

WIDTH: Final = 24
_LEAST_SECONDS: Final = 0.1
_CLEAR: Final = "\r\x1b[K"


class Bar:
    """A context manager; whatever is drawn last is left standing."""

    def __init__(self) -> None:
        self._redraws = is_terminal(err=True)
        self._drawn_at = 0.0
        self._open = False
        self._tenth = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_line()

    def line(self, text: str) -> None:
        """A sentence of its own; what comes next is drawn below."""
        self._end_line()
        self._tenth = -1
        say(text)

    def draw(self, done: int, total: int, *, of: str = "", note: str = "") -> None:
        """``done`` of ``total``, which people read as ``of``."""
        share = done / total if total else 1.0
        text = f"{share:4.0%}  {of or f'{done}/{total}'}{f'  {note}' if note else ''}"
        if self._redraws:
            now = time.monotonic()
            if now - self._drawn_at >= _LEAST_SECONDS or done >= total:
                self._drawn_at, self._open = now, True
                full = round(share * WIDTH)
                say(f"{_CLEAR}{'█' * full}{'░' * (WIDTH - full)} {text}", newline=False)
        elif int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            say(text)

    def _end_line(self) -> None:
        if self._open:
            say()
        self._open = False
