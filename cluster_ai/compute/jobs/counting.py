"""``words``: counts the words of a tree on all workers and adds the counts up in a tree, on the workers, too."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, as_completed

from cluster_ai.compute.jobs import tasks
from cluster_ai.compute.jobs.session import connected, result
from cluster_ai.compute.jobs.sight import who_sees
from cluster_ai.compute.jobs.tree import PART_BYTES, parts_of, pieces_of
from cluster_ai.compute.jobs.types import Progress, WordCount, WordsResult
from cluster_ai.core.ids import new_id
from cluster_ai.executors.words import Piece

MERGED_AT_ONCE = 8


def words(
    path: Path,
    *,
    scheduler: str,
    on_progress: Progress | None = None,
    top: int = 20,
    part_bytes: int = PART_BYTES,
) -> WordsResult:
    """Counts the words below ``path``. Blocks; Ctrl-C ends it and its tasks.

    Args:
        path: a file or a folder; workers that do not see the same there take no part.
        scheduler: address of the scheduler.
        on_progress: called with (parts done, parts in all, 0).
        top: how many of the most frequent words to name.
        part_bytes: bytes of text that one task counts.

    Raises:
        NotFound: there is nothing at ``path``.
        Unavailable: no scheduler, no worker, or they went away.
    """
    started = time.monotonic()
    skipped: dict[str, str] = {}
    parts = list(parts_of(pieces_of(path, skipped, size=part_bytes), size=part_bytes))
    job = _Job(path.absolute(), parts, scheduler, on_progress, top)
    found, apart = asyncio.run(job.counted())
    return WordsResult(
        words=found.words,
        distinct=found.distinct,
        files=found.files,
        size=found.size,
        seconds=time.monotonic() - started,
        top=tuple(WordCount(word=word, count=count) for word, count in found.top),
        skipped=dict(sorted((skipped | found.skipped).items())),
        shares=dict(sorted(found.shares.items())),
        left_out=apart,
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """One count."""

    path: Path
    parts: list[list[Piece]]
    scheduler: str
    on_progress: Progress | None
    top: int

    async def counted(self) -> tuple[tasks.Summary, tuple[str, ...]]:
        """The count, and who could not take part."""
        async with connected(self.scheduler) as client:
            seeing, apart = await who_sees(client, self.path)
            job = new_id()
            counts = [
                client.submit(tasks.count_words, part, key=f"count_words-{job}-{n}", pure=False, workers=seeing)
                for n, part in enumerate(self.parts)
            ]
            total = _merged(client, counts, job)
            summary = client.submit(tasks.sum_up, total, self.top, key=f"sum_up-{job}", pure=False)
            await _watch(client, counts, self.on_progress)
            found: tasks.Summary = await result(summary)
            return found, apart


def _merged(client: Client, counts: list[Any], job: str) -> Any:
    """A future of the sum of all counts; no worker ever holds more than a few at once."""
    level, step = counts, 0
    while len(level) > 1 or step == 0:
        groups = [level[n : n + MERGED_AT_ONCE] for n in range(0, len(level), MERGED_AT_ONCE)] or [[]]
        level = [
            client.submit(tasks.merge_words, group, key=f"merge_words-{job}-{step}-{n}", pure=False)
            for n, group in enumerate(groups)
        ]
        step += 1
    return level[0]


async def _watch(client: Client, counts: list[Any], on_progress: Progress | None) -> None:
    done = 0
    if on_progress is not None:
        on_progress(0, len(counts), 0)
    finished = as_completed(counts, loop=client.loop)  # type: ignore[no-untyped-call]
    async for future in finished:
        await result(future)
        done += 1
        if on_progress is not None:
            on_progress(done, len(counts), 0)
