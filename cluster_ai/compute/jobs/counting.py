"""``words``: counts the words of a tree on all workers and adds the counts up in a tree, on the workers, too."""

import asyncio
import time
from pathlib import Path
from typing import Any

from distributed import Client, as_completed

from cluster_ai.compute.jobs import tasks
from cluster_ai.compute.jobs.session import connected, result
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
        path: a file or a folder, which the workers must see at the same place.
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
    found = asyncio.run(_count(parts, scheduler, on_progress, top))
    return WordsResult(
        words=found.words,
        distinct=found.distinct,
        files=found.files,
        size=found.size,
        seconds=time.monotonic() - started,
        top=tuple(WordCount(word=word, count=count) for word, count in found.top),
        skipped=dict(sorted((skipped | found.skipped).items())),
        shares=dict(sorted(found.shares.items())),
    )


async def _count(parts: list[list[Piece]], scheduler: str, on_progress: Progress | None, top: int) -> tasks.Summary:
    async with connected(scheduler) as client:
        job = new_id()
        counts = [
            client.submit(tasks.count_words, part, key=f"count_words-{job}-{n}", pure=False)
            for n, part in enumerate(parts)
        ]
        total = _merged(client, counts, job)
        summary = client.submit(tasks.sum_up, total, top, key=f"sum_up-{job}", pure=False)
        await _watch(client, counts, on_progress)
        found: tasks.Summary = await result(summary)
        return found


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
