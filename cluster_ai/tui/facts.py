"""What is known of one node, line by line. Pure."""

from cluster_ai.client import plain
from cluster_ai.tui.figures import NONE
from cluster_ai.tui.rows import Cell, Wording, state_cell
from cluster_ai.views import NodeView


def facts_of(node: NodeView, words: Wording) -> dict[str, Cell]:
    """By label (text ``fact.LABEL``), from top to bottom."""
    f = words.figures
    served = f"{f.number(node.served)} · {f.number(node.failed)} · {f.number(node.inflight)}"
    error = plain(node.last_error)
    return {
        "url": Cell(plain(node.url), 0),
        "version": Cell(f"{plain(node.version) or NONE} · {words.t(f'kind.{node.kind}')}", 0),
        "state": state_cell(node.shown_state, words),
        "breaker": Cell(f"{state_cell(node.breaker, words).text[0]} {words.t(f'breaker.{node.breaker}')}", 0),
        "ttft": Cell(f.latency(node.ttft_seconds), 0),
        "speed": Cell(f"{f.rate(node.tokens_per_second)} tok/s", 0),
        "served": Cell(served, 0),
        "error": Cell(error or NONE, 0, "bad" if error else "quiet"),
    }
