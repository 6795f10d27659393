"""What Dask calls in a worker process. Its name is the prefix that views show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distributed import get_worker, secede

from cluster_ai.executors import prompt, words


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a count: small enough to travel."""

    words: int
    distinct: int
    files: int
    size: int
    top: tuple[tuple[str, int], ...]
    skipped: dict[str, str]
    shares: dict[str, int]


def count_words(pieces: Sequence[words.Piece]) -> words.Counted:
    """Counts some pieces of files."""
    return words.count(pieces, worker=str(get_worker().name))


def merge_words(parts: Sequence[words.Counted]) -> words.Counted:
    """One count out of several."""
    return words.merge(parts)


def sum_up(counted: words.Counted, top: int) -> Summary:
    """The ``top`` most frequent words (ties by the alphabet) and the totals."""
    ranked = sorted(counted.words.items(), key=lambda item: (-item[1], item[0]))[:top]
    return Summary(
        words=counted.words.total(),
        distinct=len(counted.words),
        files=counted.files,
        size=counted.size,
        top=tuple(ranked),
        skipped=counted.skipped,
        shares=dict(counted.shares),
    )


def map_prompt(request: prompt.Ask) -> prompt.Reply:
    """Asks for one line. It only waits, so it gives its thread back; the submitter bounds how many are under way."""
    worker: Any = get_worker()
    client = worker.http
    secede()  # type: ignore[no-untyped-call]
    return prompt.ask(request, client)
