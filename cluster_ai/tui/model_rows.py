"""Models and where they are, as rows. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from cluster_ai.gateway.types import ModelView
from cluster_ai.tui.figures import NONE
from cluster_ai.tui.rows import Cell, Column, Row, Tone, Wording, name_cell, state_cell
from cluster_ai.views import ClusterModelView, NodeView

FLEET_COLUMNS: Final = (
    Column("model"),
    Column("size", numeric=True),
    Column("loaded", numeric=True),
    Column("kept", numeric=True),
    Column("matrix"),
)
HOLDER_COLUMNS: Final = (
    Column("node"),
    Column("state"),
    Column("held"),
    Column("kept"),
    Column("context", numeric=True),
    Column("slots", numeric=True),
    Column("quantization"),
)
Pins = Collection[tuple[str, str]]
"""Model and node of what stays in memory for good."""
_GROUP: Final = 4


def fleet_row(model: ClusterModelView, nodes: Sequence[NodeView], pins: Pins | None, words: Wording) -> Row:
    """One model over all ``nodes``, in their order. ``pins`` is None while they are not known."""
    f, loaded = words.figures, len(model.loaded_on)
    kept = NONE if pins is None else f.number(sum(name == model.name for name, _ in pins))
    cells = (
        name_cell(model.name),
        Cell(f.size(model.size), model.size),
        Cell(f"{loaded}/{len(model.nodes)}", loaded, "good" if loaded else "quiet"),
        Cell(kept, kept, "" if pins is not None else "quiet"),
        Cell(matrix(model, nodes), loaded),
    )
    return Row(model.name, cells)


def matrix(model: ClusterModelView, nodes: Sequence[NodeView]) -> str:
    """A mark a node, in groups of four: in memory, on disk, not there."""
    marks = ["●" if node.name in model.loaded_on else "○" if node.name in model.nodes else "-" for node in nodes]
    return " ".join("".join(marks[start : start + _GROUP]) for start in range(0, len(marks), _GROUP))


def holder_row(node: NodeView, model: ModelView, pins: Pins | None, words: Wording) -> Row:
    """One node that has the model."""
    cells = (
        name_cell(node.name),
        state_cell(node.shown_state, words),
        Cell(words.t("held.memory" if model.loaded else "held.disk"), float(not model.loaded), _tone(model)),
        _kept(node, model, pins, words),
        _known(model.context_length, words),
        _known(model.slots, words),
        name_cell(model.quantization or NONE),
    )
    return Row(node.name, cells)


def _tone(model: ModelView) -> Tone:
    return "good" if model.loaded else "quiet"


def _kept(node: NodeView, model: ModelView, pins: Pins | None, words: Wording) -> Cell:
    if pins is None:
        return Cell(NONE, 2.0, "quiet")
    pinned = (model.name, node.name) in pins
    return Cell(words.t("kept.pinned" if pinned else "kept.node"), float(not pinned), "" if pinned else "quiet")


def _known(value: int, words: Wording) -> Cell:
    return Cell(words.figures.number(value) if value else NONE, value, "" if value else "quiet")
