"""The gateway's decisions as rows: where a call went, and why. Pure."""

from typing import Final

from cluster_ai.client import plain
from cluster_ai.gateway.types import CandidateView, DecisionView
from cluster_ai.tui.figures import NONE
from cluster_ai.tui.rows import Cell, Column, Row, Wording, count_cell, name_cell

DECISION_COLUMNS: Final = (
    Column("age", numeric=True),
    Column("model"),
    Column("node"),
    Column("candidates", numeric=True),
    Column("tried", numeric=True),
    Column("why"),
)


def decision_row(decision: DecisionView, words: Wording, *, number: int) -> Row:
    """One call. ``number`` tells calls without an id apart."""
    why = _why(decision)
    cells = (
        Cell(words.figures.age(decision.age_seconds), decision.age_seconds, "quiet"),
        name_cell(decision.model),
        name_cell(decision.node) if decision.node else Cell(NONE, "", "bad"),
        count_cell(len(decision.candidates), words),
        count_cell(len(decision.tried), words, tone="warn" if decision.tried else ""),
        Cell(why[:80] or NONE, why),
    )
    return Row(decision.request_id or f"#{number}", cells)


def decision_text(decision: DecisionView, words: Wording) -> str:
    """Every candidate with its score, from the best, and who gave no answer."""
    lines = [f"{plain(decision.request_id) or NONE} · {plain(decision.model)}"]
    lines += [_candidate(one, words, chosen=one.name == decision.node) for one in decision.candidates]
    lines += [f"✕ {plain(name)}: {plain(reason)}" for name, reason in decision.tried.items()]
    return "\n".join(lines)


def _candidate(one: CandidateView, words: Wording, *, chosen: bool) -> str:
    score = " ".join(f"{plain(name)}={words.figures.number(value, 2)}" for name, value in one.score.items())
    return f"{'●' if chosen else '○'} {plain(one.name)}: {plain(one.why)}" + (f" · {score}" if score else "")


def _why(decision: DecisionView) -> str:
    chosen = next((one.why for one in decision.candidates if one.name == decision.node), "")
    failed = " ".join(f"{name}: {reason}" for name, reason in decision.tried.items()) if not decision.node else ""
    return plain(chosen or failed)
