"""Lines of dots and branches of trees, as text. Pure."""

from typing import Final

_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of Unicode's braille patterns, by column and row of the cell."""
_EMPTY: Final = 0x2800
ACROSS, DOWN = 2, 4


def plotted(values: list[float], *, width: int, height: int, top: float) -> list[str]:
    """A line through the last values, the newest on the right, as ``height`` rows of ``width`` braille cells."""
    cells = [[0] * width for _ in range(height)]
    shown = values[-ACROSS * width :] if width > 0 and height > 0 else []
    before: int | None = None
    for x, value in enumerate(shown, start=ACROSS * width - len(shown)):
        y = _row_of(value, rows=DOWN * height, top=top)
        low, high = sorted((y, y if before is None else before))
        for dot in range(low, high + 1):
            cells[dot // DOWN][x // ACROSS] |= _DOTS[x % ACROSS][dot % DOWN]
        before = y
    return ["".join(chr(_EMPTY + cell) if cell else " " for cell in row) for row in cells]


def _row_of(value: float, *, rows: int, top: float) -> int:
    share = min(1.0, max(0.0, value / top)) if top > 0 else 0.0
    return round((1 - share) * (rows - 1))


def branch(*, is_last: bool, is_up: bool, below_last: bool | None = None) -> str:
    """The way to a thing of a tree: drawn through where it is up, broken where not.

    ``below_last``: whether what it hangs on is the last one itself; None where it hangs on the root.
    """
    way = "" if below_last is None else "   " if below_last else "│  "
    return f"{way}{'┗' if is_last else '┣'}{'━━' if is_up else '╌╌'} "
