"""Which columns of a table stand on a terminal that has no room for all, and how wide each is. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Self

GAP: Final = 2
"""Blanks between two columns."""
NARROWEST: Final = 8
MARK: Final = "…"


@dataclass(frozen=True, slots=True)
class Fit:
    """Places of columns. ``whole``: never cut; ``spare``: left out where there is no room, the first first."""

    whole: frozenset[int] = frozenset()
    spare: tuple[int, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], *, whole: Collection[str], spare: Sequence[str] = ()) -> Self:
        """The same by the columns' names."""
        return cls(frozenset(map(names.index, whole)), tuple(map(names.index, spare)))


def fitted(widths: Sequence[int], columns: int, fit: Fit) -> dict[int, int]:
    """The columns that stand in a line of ``columns`` characters, with the width of each.

    Wider than the line only when what may neither be cut nor left out is.
    """
    least = {place: width if place in fit.whole else min(width, NARROWEST) for place, width in enumerate(widths)}
    for place in fit.spare:
        if _length(least.values()) <= columns:
            break
        del least[place]
    found = {place: widths[place] for place in least}
    for _ in range(_length(found.values()) - columns):
        if not (loose := [place for place, width in found.items() if width > least[place]]):
            break
        found[max(loose, key=found.__getitem__)] -= 1
    return found


def shortened(text: str, width: int) -> str:
    """``text`` in ``width`` characters, with a mark where it was cut: an address in its middle, all else at its end."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2 if "://" in text else 0
    return f"{text[: width - 1 - tail]}{MARK}{text[len(text) - tail :]}"


def _length(widths: Collection[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
