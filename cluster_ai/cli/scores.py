"""A decision as a table: what each node would have cost, part by part."""

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.gateway.types import CandidateView, DecisionView

PARTS: Final = (
    *("wait", "load", "evict", "prefill", "decode", "forget", "reserve", "unproven", "crowd", "trouble", "doubt"),
)
"""Those that are seconds, and have a name in each language; other strategies have parts of their own."""
_LONGEST: Final = 16
_CHOSEN: Final = "*"


def show_decision(decision: "DecisionView", *, refused: bool = False) -> None:
    """Who was chosen, the table, each node's reason in words, and who gave no answer.

    ``refused``: it is known by now that nobody answers the call.
    """
    age = show.duration(decision.age_seconds)
    show.out(show.safe(t("gateway.asked", model=decision.model, age=age)))
    if decision.node:
        show.out(show.safe(t("gateway.sent", node=decision.node, why=_why(decision))))
    elif not refused:
        show.out(t("gateway.nobody_yet"))
    rows = decision.candidates
    if len(rows) == 1:
        show.out(show.safe(t("gateway.only_one", node=rows[0].name)))
    # Nothing is expected of one that is alone: its score has no parts.
    if len(rows) > 1 or any(row.score for row in rows):
        _show_scores(decision)
    if decision.tried:
        show.out()
        show.out(t("gateway.tried"))
        for name, reason in decision.tried.items():
            show.out(show.safe(f"  {name}: {reason}"))


def _show_scores(decision: "DecisionView") -> None:
    in_seconds = all(part in PARTS for row in decision.candidates for part in row.score)
    for rows in _blocks(decision.candidates):
        show.out()
        _table(rows, chosen=decision.node, in_seconds=in_seconds)
    show.out()
    show.out(t("gateway.in_seconds") if in_seconds else t("gateway.in_order"))
    for row in decision.candidates:
        show.out(show.safe(f"  {row.name}: {row.why}"))


def _table(rows: Sequence["CandidateView"], *, chosen: str, in_seconds: bool) -> None:
    names = list(dict.fromkeys(part for row in rows for part in row.score))
    heads = [t("column.part_of_score"), *(_head(row.name, chosen=row.name == chosen) for row in rows)]
    table = [(_name(part), *(_number(row.score.get(part)) for row in rows)) for part in names]
    if in_seconds:
        table.append((t("score.total"), *(_number(sum(row.score.values())) for row in rows)))
    show.table(heads, table)


def _head(name: str, *, chosen: bool) -> str:
    short = show.safe(name)[:_LONGEST]
    return f"{short} {_CHOSEN}" if chosen else short


def _blocks(rows: Sequence["CandidateView"]) -> list[Sequence["CandidateView"]]:
    """As many nodes side by side as the terminal has room for; a pipe has them all in one."""
    if not show.is_terminal():
        return [rows]
    names = max((len(_name(part)) for row in rows for part in row.score), default=0)
    wide = max((min(len(row.name), _LONGEST) for row in rows), default=0)
    count = max(1, (shutil.get_terminal_size().columns - names) // (max(wide + len(_CHOSEN) + 1, 8) + 2))
    return [rows[start : start + count] for start in range(0, len(rows), count)]


def _why(decision: "DecisionView") -> str:
    return next((row.why for row in decision.candidates if row.name == decision.node), "")


def _name(part: str) -> str:
    return t(f"score.{part}") if part in PARTS else show.safe(part)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
