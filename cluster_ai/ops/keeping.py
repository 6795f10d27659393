"""Which backups are kept. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Keep:
    """So many of the newest, and the last of each of so many days and ISO weeks (UTC) that have any."""

    newest: int
    daily: int
    weekly: int


def is_due(last: float | None, *, now: float, every_hours: float) -> bool:
    """Whether the next backup should be made; ``last``: when the last was, or was tried. Never with 0 hours."""
    return every_hours > 0 and (last is None or now - last >= every_hours * 3600)


def superfluous(backups: Iterable[tuple[str, float]], keep: Keep) -> tuple[str, ...]:
    """Names of those that no rule keeps, the newest first; ``backups`` are names with when they were made."""
    ordered = sorted(backups, key=lambda one: (one[1], one[0]), reverse=True)
    kept = {name for name, _ in ordered[: keep.newest]}
    for most, form in ((keep.daily, "%Y-%m-%d"), (keep.weekly, "%G-%V")):
        last: dict[str, str] = {}
        for name, at in ordered:
            last.setdefault(datetime.fromtimestamp(at, UTC).strftime(form), name)
        kept.update(list(last.values())[:most])
    return tuple(name for name, _ in ordered if name not in kept)
