"""Writes the counts at the top of docs/reference/asvs.md, whose tables are the data. ``python scripts/docs/asvs.py``"""

import re
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = Path(__file__).parents[2] / "docs/reference/asvs.md"
STATES: Final = ("met", "not met", "n/a")
_ROW: Final = re.compile(r"^\| (V[\d.]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|([^|]*)\|([^|]*)\|$", re.MULTILINE)
_COUNTS: Final = re.compile(r"^\| level \| .*?\n\n", re.MULTILINE | re.DOTALL)


class Row(NamedTuple):
    """One requirement. ``tests`` are files below ``tests/`` or of the dashboard, some with ``::`` and a function."""

    id: str
    level: str
    state: str
    why: str
    tests: tuple[str, ...]


def rows(page: str) -> list[Row]:
    """Those of the page's tables, in their order."""
    found = _ROW.findall(page)
    return [Row(name, level, state, why.strip(), tuple(re.findall(r"`([^`]+)`", tests)))
            for name, level, state, why, tests in found]  # fmt: skip


def counted(page: str) -> str:
    """``page`` with the counts of what its tables say."""
    of = Counter((row.level, row.state) for row in rows(page))
    lines = ["| level | met | not met | does not apply |", "| --- | --- | --- | --- |"]
    for name, levels in (("1", "1"), ("2", "2"), ("both", "12")):
        sums = [str(sum(of[level, state] for level in levels)) for state in STATES]
        lines += [f"| {' | '.join([name, *sums])} |"]
    return _COUNTS.sub("\n".join(lines) + "\n\n", page, count=1)


if __name__ == "__main__":
    PAGE.write_text(counted(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
