"""Many things, a few at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(many: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size``, in order."""
    left = iter(many)
    while some := list(islice(left, size)):
        yield some
