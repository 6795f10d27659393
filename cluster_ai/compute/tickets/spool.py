"""Reports that the API could not take, on this worker's disk, until it can."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.office import Office, Report
from cluster_ai.core import files
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.paths import PRIVATE_DIR

log = structlog.get_logger(__name__)
AGAIN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Spool:
    """One file a report. All methods block."""

    folder: Path

    def put(self, report: Report, token: str) -> None:
        """It is on disk when this comes back."""
        self.folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        path = self.folder / f"{report.ticket_id}-{report.attempt}.json"
        files.replace(path, json.dumps({"report": asdict(report), "token": token}))

    def waits(self) -> bool:
        """Whether anything does."""
        return any(True for _ in self._paths())

    def send(self, office: Office) -> bool:
        """Sends what waits, the oldest first; False when the API is away again."""
        for path in list(self._paths()):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                report, token = Report(**said["report"]), str(said["token"])
            except FileNotFoundError:
                # Another worker of this machine has sent it.
                continue
            except (OSError, ValueError, KeyError, TypeError):
                log.warning("a report on disk cannot be read", file=path.name)
                path.unlink(missing_ok=True)
                continue
            try:
                office.report(report, token)
            except ApiAway:
                return False
            except ClusterError as exc:
                # Somebody else's attempt counts by now, or the ticket is gone.
                log.info("a late report was refused", ticket=report.ticket_id, attempt=report.attempt, code=exc.code)
            path.unlink(missing_ok=True)
        return True

    def _paths(self) -> Iterator[Path]:
        try:
            found = sorted((path.stat().st_mtime, path) for path in self.folder.glob("*.json"))
        except FileNotFoundError:
            return
        yield from (path for _, path in found)


class Resender:
    """Looks after a spool, in a thread of its own, while anything waits in it."""

    def __init__(self, spool: Spool, office: Office) -> None:
        self._spool = spool
        self._office = office
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="late reports", daemon=True)

    def start(self) -> None:
        """Begins with what an earlier life of this worker left."""
        self._thread.start()

    def wake(self) -> None:
        """Something was put there."""
        self._wake.set()

    def close(self) -> None:
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            if self._spool.send(self._office):
                self._wake.wait()
                self._wake.clear()
            self._closed.wait(AGAIN_SECONDS)
