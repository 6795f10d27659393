"""Units done several at a time, by threads that wait for a model or for a sandbox."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cluster_ai.executors.kind import Cancelled, Failed
from cluster_ai.executors.kinds.mapping.checkpoint import Unit
from cluster_ai.executors.stopping import Stop

Work = Callable[[Unit], object]
Outcome = tuple[Unit, object, Failed | None]
_GLANCE: Final = 0.05


def spread(units: Iterable[Unit], work: Work, *, at_once: int, stop: Stop) -> Iterator[Outcome]:
    """Each unit with its answer or its failure, as they are done.

    Raises:
        Cancelled: the end was asked for; threads that wait for a model are left alone, to die with the process.
    """
    waiting: queue.SimpleQueue[Unit] = queue.SimpleQueue()
    count = 0
    for unit in units:
        waiting.put(unit)
        count += 1
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    for _ in range(min(at_once, count)):
        threading.Thread(target=_worker, args=(waiting, work, done, stop), daemon=True).start()
    for _ in range(count):
        outcome = _next(done, stop)
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


def _next(done: "queue.SimpleQueue[Outcome | BaseException]", stop: Stop) -> "Outcome | BaseException":
    while True:
        stop.check()
        try:
            return done.get(timeout=_GLANCE)
        except queue.Empty:
            continue


def _worker(
    waiting: "queue.SimpleQueue[Unit]", work: Work, done: "queue.SimpleQueue[Outcome | BaseException]", stop: Stop
) -> None:
    while not stop.asked:
        try:
            unit = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((unit, work(unit), None))
        except Failed as exc:
            done.put((unit, None, exc))
        except Cancelled:
            return
        except BaseException as exc:  # noqa: BLE001 - raised again by who waits for it
            done.put(exc)
            return
