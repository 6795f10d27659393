"""What an attempt says while it runs: beats, progress and lines, in bounded batches, by a thread of its own."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import structlog

from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.office import Answer, Begun, Office
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.core.errors import ClusterError
from cluster_ai.executors.contract import Reported

log = structlog.get_logger(__name__)
MOST_LINES: Final = 1000
"""That wait to be sent; the oldest go."""
LONGEST_LINE: Final = 4096
BATCH: Final = 200
SPEAK_SECONDS: Final = 1.0
"""Between two batches of what the attempt says."""
BEATS: Final = 3
"""In the time of a lease."""


@dataclass(frozen=True, slots=True)
class Ears:
    """What the API's answers lead to; called from the voice's thread.

    Args:
        stop: the API wants an end of it: ``cancelled``, or ``stale`` when the attempt does not count any more.
        report: the pipeline that it waits for has said how it ended. May raise ``OSError``, and is then called again.
    """

    stop: Callable[[str], None]
    report: Callable[[Reported], None]


class Voice:
    """Speaks for one attempt.

    Args:
        errand: the attempt.
        begun: what the API said to its start.
        office: whom it is told.
        ears: who hears what is answered.
    """

    def __init__(self, errand: Errand, begun: Begun, office: Office, ears: Ears) -> None:
        self._errand = errand
        self._office = office
        self._ears = ears
        self._passed_on = begun.report
        self._beat_seconds = begun.lease_seconds / BEATS
        self.silence = min(SPEAK_SECONDS, self._beat_seconds)
        """Seconds after which ``speak_up`` is to be called: what is over sooner has nobody told that it lives."""
        self.token = begun.token or errand.token
        self._changed = threading.Condition()
        self._lines: deque[str] = deque()
        self._lost = 0
        self._said: tuple[float | None, str] | None = None
        self._over = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Says what is left; waits for it no longer than one question takes."""
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def speak_up(self) -> None:
        """From now on it is told that the attempt lives. For the thread that tends the attempt, as what follows."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"voice of {self._errand.key}", daemon=True)
            self._thread.start()

    def progress(self, share: float | None, note: str) -> None:
        with self._changed:
            self._said = (share, note[:256])
            self._changed.notify()
        self.speak_up()

    def log(self, text: str) -> None:
        with self._changed:
            if len(self._lines) >= MOST_LINES:
                self._lines.popleft()
                self._lost += 1
            self._lines.append(text[:LONGEST_LINE])
            self._changed.notify()
        self.speak_up()

    # -- the thread's

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._over and not self._has_words:
                    self._changed.wait(self._beat_seconds)
                over, has_words = self._over, self._has_words
            if over and not has_words:
                return
            was_heard = self._tell(self._speak if has_words else self._beat)
            if over and not was_heard:
                return
            if has_words and not over:
                with self._changed:
                    # What comes meanwhile goes with the next batch.
                    self._changed.wait_for(lambda: self._over, SPEAK_SECONDS)

    @property
    def _has_words(self) -> bool:
        return bool(self._lines or self._said)

    def _tell(self, how: Callable[[], Answer]) -> bool:
        """Whether somebody heard it."""
        try:
            answer = how()
        except ApiAway:
            return False
        except ClusterError as exc:
            log.info("the attempt does not count any more", ticket=self._errand.ticket_id, code=exc.code)
            self._ears.stop("stale")
            return False
        self._heed(answer)
        return True

    def _heed(self, answer: Answer) -> None:
        self.token = answer.token or self.token
        if answer.cancel:
            self._ears.stop("cancelled")
        if answer.report is None or answer.report == self._passed_on:
            return
        try:
            self._ears.report(answer.report)
        except OSError as exc:
            # The next beat is answered with it, too.
            log.warning("a report cannot be passed on", ticket=self._errand.ticket_id, reason=str(exc))
        else:
            self._passed_on = answer.report

    def _beat(self) -> Answer:
        return self._office.beat(self._errand, self.token)

    def _speak(self) -> Answer:
        with self._changed:
            lines = [self._lines.popleft() for _ in range(min(BATCH, len(self._lines)))]
            said, lost = self._said, self._lost
            self._said, self._lost = None, 0
        more: dict[str, Any] = {"share": said[0] if said else None, "note": said[1] if said else ""}
        try:
            return self._office.progress(self._errand, self.token, lines=lines, lost=lost, **more)
        except ApiAway:
            self._take_back(lines, lost)
            raise

    def _take_back(self, lines: list[str], lost: int) -> None:
        with self._changed:
            self._lines.extendleft(reversed(lines))
            self._lost += lost
            while len(self._lines) > MOST_LINES:
                self._lines.popleft()
                self._lost += 1
