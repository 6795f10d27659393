"""Views as rows of cells: what each table says, in which tone, and by what it sorts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cluster_ai.client import plain
from cluster_ai.compute.types import WorkerView
from cluster_ai.core.i18n import Translate
from cluster_ai.gateway.types import ModelView
from cluster_ai.supervisor.types import PartView
from cluster_ai.tui.figures import NONE, Figures
from cluster_ai.views import ClusterModelView, NodeView

Tone = Literal["", "good", "warn", "bad", "quiet"]
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Column:
    """``key`` names its heading in the locale (``column.KEY``)."""

    key: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """``order`` is what the column sorts by."""

    text: str
    order: float | str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Row:
    """``key`` stays with the thing shown, whatever its cells say."""

    key: str
    cells: tuple[Cell, ...]

    def matches(self, wanted: str) -> bool:
        """Whether any cell contains ``wanted``, whatever the case."""
        return any(wanted.casefold() in cell.text.casefold() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Wording:
    """The language a row is written in."""

    t: Translate
    figures: Figures


NODE_COLUMNS: Final = (
    Column("node"),
    Column("state"),
    Column("models", numeric=True),
    Column("inflight", numeric=True),
    Column("ttft", numeric=True),
    Column("speed", numeric=True),
    Column("failed", numeric=True),
    Column("seen", numeric=True),
)
WORKER_COLUMNS: Final = (
    Column("worker"),
    Column("threads", numeric=True),
    Column("cpu", numeric=True),
    Column("memory", numeric=True),
    Column("tasks", numeric=True),
)
MODEL_COLUMNS: Final = (
    Column("model"),
    Column("size", numeric=True),
    Column("loaded", numeric=True),
)
PART_COLUMNS: Final = (
    Column("part"),
    Column("state"),
    Column("restarts", numeric=True),
    Column("uptime", numeric=True),
)
NODE_MODEL_COLUMNS: Final = (Column("model"), Column("size", numeric=True), Column("quantization"), Column("held"))

_MARKS: Final[Mapping[str, tuple[str, Tone]]] = {
    "healthy": ("●", "good"),
    "suspect": ("◐", "warn"),
    "draining": ("◔", "warn"),
    "down": ("✕", "bad"),
    "unknown": ("○", "quiet"),
    "ready": ("●", "good"),
    "waiting": ("○", "quiet"),
    "starting": ("◔", "warn"),
    "unhealthy": ("◐", "warn"),
    "backoff": ("◔", "warn"),
    "failed": ("✕", "bad"),
    "stopping": ("◔", "quiet"),
    "stopped": ("○", "quiet"),
    "closed": ("●", "good"),
    "half_open": ("◐", "warn"),
    "open": ("✕", "bad"),
}
_WORST_FIRST: Final[Mapping[Tone, int]] = {"bad": 0, "warn": 1, "quiet": 2, "good": 3, "": 4}


def state_cell(state: str, words: Wording) -> Cell:
    """Icon, word and tone, never colour alone. Sorts the worst first."""
    mark, tone = _MARKS[state]
    return Cell(f"{mark} {words.t(f'state.{state}')}", _WORST_FIRST[tone], tone)


def node_row(node: NodeView, words: Wording) -> Row:
    f = words.figures
    cells = (
        name_cell(node.name),
        _node_state(node, words),
        count_cell(len(node.models), words),
        count_cell(node.inflight, words),
        measured_cell(node.ttft_seconds, f.latency(node.ttft_seconds)),
        measured_cell(node.tokens_per_second, f.rate(node.tokens_per_second)),
        count_cell(node.failed, words, tone="warn" if node.failed else ""),
        measured_cell(node.last_seen_seconds, f.age(node.last_seen_seconds)),
    )
    return Row(node.name, cells)


def worker_row(worker: WorkerView, words: Wording) -> Row:
    f = words.figures
    cells = (
        name_cell(worker.name),
        count_cell(worker.threads, words),
        Cell(f.percent(worker.cpu), worker.cpu),
        Cell(f.size(worker.memory), worker.memory, _memory_tone(worker)),
        Cell(f"{f.number(worker.executing)}+{f.number(worker.ready)}", worker.executing + worker.ready),
    )
    return Row(worker.address or worker.name, cells)


def model_row(model: ClusterModelView, words: Wording) -> Row:
    loaded = len(model.loaded_on)
    cells = (
        name_cell(model.name),
        Cell(words.figures.size(model.size), model.size),
        Cell(f"{loaded}/{len(model.nodes)}", loaded, "good" if loaded else "quiet"),
    )
    return Row(model.name, cells)


def part_row(part: PartView, words: Wording) -> Row:
    cells = (
        name_cell(part.name),
        state_cell(part.state, words),
        count_cell(part.restarts, words, tone="warn" if part.restarts else ""),
        Cell(words.figures.age(part.uptime_seconds), part.uptime_seconds),
    )
    return Row(part.name, cells)


def node_model_row(model: ModelView, words: Wording) -> Row:
    held = words.t("held.memory") if model.loaded else words.t("held.disk")
    cells = (
        name_cell(model.name),
        Cell(words.figures.size(model.size), model.size),
        name_cell(model.quantization or NONE),
        Cell(held, float(not model.loaded), "good" if model.loaded else "quiet"),
    )
    return Row(model.name, cells)


def shown_name(text: str) -> str:
    """A name made safe for a terminal, and no longer than a column can be."""
    shown = plain(text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _node_state(node: NodeView, words: Wording) -> Cell:
    """The state, or the breaker's where that is what keeps traffic away."""
    if node.shown_state == "healthy" and node.breaker != "closed":
        breaker = state_cell(node.breaker, words)
        return Cell(f"{breaker.text[0]} {words.t(f'breaker.{node.breaker}')}", breaker.order, breaker.tone)
    return state_cell(node.shown_state, words)


def _memory_tone(worker: WorkerView) -> Tone:
    # Dask pauses a worker at 80 % of its limit.
    return "warn" if worker.memory_limit and worker.memory > 0.8 * worker.memory_limit else ""


def name_cell(text: str) -> Cell:
    """A name, safe and short."""
    shown = shown_name(text)
    return Cell(shown, shown.casefold())


def count_cell(value: int, words: Wording, *, tone: Tone = "") -> Cell:
    """A number of things."""
    return Cell(words.figures.number(value), value, tone)


def measured_cell(value: float | None, text: str) -> Cell:
    """What was never measured sorts last and is shown quietly."""
    return Cell(text, float("inf") if value is None else value, "quiet" if value is None else "")
