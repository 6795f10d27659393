"""The jobs that were submitted, on disk: what was asked is not lost with the scheduler. All methods block."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from cluster_ai.compute.job_types import JobDetail, JobRequest
from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR

KEPT: Final = 200
"""Jobs that have ended; the oldest go first."""


class Entry(BaseModel):
    """One job as it was asked, and how it stands."""

    model_config = ConfigDict(frozen=True)

    request: JobRequest
    job: JobDetail


@dataclass(frozen=True, slots=True)
class Shelf:
    """One file a job. ``folder`` is made when the first is written."""

    folder: Path

    def put(self, entry: Entry) -> None:
        self.folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        path = self._path(entry.job.id)
        files.replace(path, json.dumps(entry.model_dump(mode="json")))

    def remove(self, job_id: str) -> None:
        self._path(job_id).unlink(missing_ok=True)

    def all(self) -> list[Entry]:
        """In the order in which they were submitted; a file that cannot be read is passed over."""
        return sorted(self._read(), key=lambda entry: entry.job.submitted_at)

    def _read(self) -> Iterator[Entry]:
        for path in self.folder.glob("*.json"):
            try:
                yield Entry.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue

    def _path(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.json"
