"""Whether a model fits a machine, and with how long a context, before a byte of it is fetched. Pure.

The sums follow llama.cpp, which both Ollama and the embedded node run: a cache of keys and values for each token of
the context (padded to 256), in blocks with a window only for the window and one batch more; buffers for one batch;
a mask of two bytes for each token of the batch and of the context. What no header tells, drivers and the program
itself, are the constants of ``Runtime``.
"""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from cluster_ai.catalog.shape import Block, Shape
from cluster_ai.core.wire import Count, View

MIB: Final = 1024 * 1024
PAD: Final = 256
SHORTEST: Final = 256
LONGEST: Final = 1_048_576
CACHE_BYTES: Final = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
"""A number in the cache, with its share of its block's scale."""
_VOCABULARY: Final = 512
"""Bytes of tables for each token; measured with SmolLM2 (49,152 tokens) and MiniLM (30,522)."""

Verdict = Literal["gpu", "split", "cpu", "no"]
CacheType = Literal["f16", "q8_0", "q4_0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How an engine runs models. ``batch`` in tokens read at once, ``slots`` answers side by side."""

    batch: int
    slots: int
    cache: CacheType = "f16"
    all_logits: bool = True
    """It reserves room for a verdict on each token of a batch, not of the last one alone."""
    process: int = 8 * MIB
    """The program beside its buffers."""
    driver: int = 450 * MIB
    """What a GPU's driver takes for a program that uses it."""
    spare: float = 0.05
    """Share of a GPU that is left free: other programs take some, and memory comes in pieces."""


OLLAMA: Final = Runtime(batch=512, slots=1)
EMBEDDED: Final = Runtime(batch=48, slots=4, all_logits=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is free on a machine, in bytes. ``disk`` is None where nobody knows."""

    gpus: tuple[int, ...] = ()
    memory: int = 0
    disk: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes that a loaded model takes."""

    weights: int
    cache: int
    compute: int
    program: int
    projector: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute + self.program + self.projector


class FitView(View):
    """The verdict for one machine. Bytes; contexts in tokens, for each answer being written."""

    verdict: Verdict
    context: Count
    blocks: Count
    gpu_blocks: Count = 0
    largest_context: Count = 0
    """With the same verdict or a better one; 0 when not even the shortest fits."""
    largest_gpu_context: Count = 0
    weights: Count
    cache: Count
    compute: Count
    total: Count
    gpu_memory: Count = 0
    memory: Count = 0
    """Of the machine, beside the GPUs'."""
    download: Count = 0
    reasons: tuple[str, ...] = Field(default=())


def needs(shape: Shape, context: int, runtime: Runtime) -> Needs:
    """What ``shape`` takes with ``context`` tokens for each answer."""
    cache = sum(_cache(block, context, runtime) for block in shape.blocks)
    program = runtime.process + shape.vocabulary * _VOCABULARY
    return Needs(shape.weights, cache, _compute(shape, context, runtime), program, shape.projector)


def fit(shape: Shape, room: Room, *, context: int, runtime: Runtime = OLLAMA, download: int = 0) -> FitView:
    """Where a model of ``shape`` would run, with ``context`` tokens or as many as it was made for.

    ``download`` is what would have to be fetched, in bytes.
    """
    context = _bounded(context, shape)
    needed = needs(shape, context, runtime)
    verdict, placed = _placed(shape, room, context, runtime)
    on_gpu = 0 if not placed else _gpu_bytes(shape, room, (context, placed), runtime)
    view = FitView(
        verdict=verdict,
        context=context,
        blocks=len(shape.blocks),
        gpu_blocks=min(placed, len(shape.blocks)),
        weights=needed.weights + needed.projector,
        cache=needed.cache,
        compute=needed.compute,
        total=needed.total,
        gpu_memory=on_gpu,
        memory=max(0, needed.total - on_gpu) if verdict != "no" else needed.total,
        download=download,
    )
    lacks_disk = room.disk is not None and download > room.disk
    reasons = tuple(_reasons(view, room, lacks_disk=lacks_disk))
    return view.model_copy(
        update={
            "verdict": "no" if lacks_disk else verdict,
            "largest_context": _largest(shape, room, runtime, at_least=verdict if verdict != "no" else "cpu"),
            "largest_gpu_context": _largest(shape, room, runtime, at_least="gpu") if room.gpus else 0,
            "reasons": reasons,
        }
    )


# -- the sums


def _bounded(context: int, shape: Shape) -> int:
    return max(1, min(context, shape.context or context, LONGEST))


def _cells(context: int) -> int:
    return -(-context // PAD) * PAD


def _cache(block: Block, context: int, runtime: Runtime) -> int:
    cells = _cells(context)
    if block.window:
        cells = min(cells, _cells(block.window + runtime.batch))
    numbers = (block.keys + block.values) * cells * runtime.slots
    return round(numbers * CACHE_BYTES[runtime.cache]) + block.state * runtime.slots


def _compute(shape: Shape, context: int, runtime: Runtime) -> int:
    reads_at_once = not any(block.keys or block.state for block in shape.blocks)
    # A model that answers with one vector reads the whole text as one batch.
    batch = context if reads_at_once else min(runtime.batch, context)
    work = batch * 4 * (2 * shape.widest + 8 * shape.width)
    mask = 2 * batch * _cells(context)
    if reads_at_once:
        return work + mask
    answers = batch if runtime.all_logits else runtime.slots
    return work + mask + 4 * shape.vocabulary * answers


def _placed(shape: Shape, room: Room, context: int, runtime: Runtime) -> tuple[Verdict, int]:
    """The verdict, and how many blocks go to GPUs; one more than there are when the last matrix goes, too."""
    needed = needs(shape, context, runtime)
    blocks = _on_gpus(shape, room, context, runtime)
    if blocks > len(shape.blocks):
        # What stays in the machine's memory must find its place there all the same.
        verdict: Verdict = "gpu" if shape.embedding + needed.program <= room.memory else "no"
    elif blocks and needed.total - _gpu_bytes(shape, room, (context, blocks), runtime) <= room.memory:
        verdict = "split"
    else:
        verdict, blocks = ("cpu" if needed.total <= room.memory else "no"), 0
    return verdict, blocks if verdict != "no" else 0


def _on_gpus(shape: Shape, room: Room, context: int, runtime: Runtime) -> int:
    """Blocks that find a place, filled GPU by GPU, the roomiest first."""
    fixed = runtime.driver + _compute(shape, context, runtime)
    left = sorted((round(free * (1 - runtime.spare)) - fixed for free in room.gpus), reverse=True)
    if left:
        left[0] -= shape.projector
    placed = at = 0
    for size in _pieces(shape, context, runtime):
        while at < len(left) and left[at] < size:
            at += 1
        if at == len(left):
            return placed
        left[at] -= size
        placed += 1
    return placed


def _pieces(shape: Shape, context: int, runtime: Runtime) -> list[int]:
    """Bytes of each block with its cache, and of what comes after the last."""
    sizes = [block.weights + _cache(block, context, runtime) for block in shape.blocks]
    return [*sizes, shape.rest + (shape.embedding if shape.tied else 0)]


def _gpu_bytes(shape: Shape, room: Room, placed: tuple[int, int], runtime: Runtime) -> int:
    """Taken of GPUs by so many pieces with that context: ``placed`` is (context, pieces)."""
    context, pieces = placed
    used = sum(_pieces(shape, context, runtime)[:pieces]) + shape.projector
    return used + _compute(shape, context, runtime) * max(1, len(room.gpus))


_BETTER: Final[dict[Verdict, int]] = {"no": 0, "cpu": 1, "split": 2, "gpu": 3}


def _largest(shape: Shape, room: Room, runtime: Runtime, *, at_least: Verdict) -> int:
    """The longest context, in steps of 256, that keeps the verdict; 0 when none does."""
    top = shape.context or LONGEST
    low, high = 0, max(1, min(top, LONGEST) // PAD)
    # More context never fits better, so halving finds the border.
    while low < high:
        middle = (low + high + 1) // 2
        verdict, _ = _placed(shape, room, middle * PAD, runtime)
        low, high = (middle, high) if _BETTER[verdict] >= _BETTER[at_least] else (low, middle - 1)
    return min(low * PAD, top) if low else 0


# -- in words


def _reasons(view: FitView, room: Room, *, lacks_disk: bool) -> list[str]:
    parts = f"{_size(view.weights)} weights, {_size(view.cache)} cache for {view.context} tokens"
    said = [f"takes {_size(view.total)}: {parts}, {_size(view.total - view.weights - view.cache)} buffers and program"]
    gpus = _size(sum(room.gpus)) if room.gpus else "none"
    match view.verdict:
        case "gpu":
            said.append(f"all {view.blocks} layers fit the GPU memory that is free ({gpus})")
        case "split":
            said.append(
                f"{view.gpu_blocks} of {view.blocks} layers fit the GPU memory that is free ({gpus}); "
                f"{_size(view.memory)} of the machine's {_size(room.memory)} take the rest"
            )
        case "cpu" if room.gpus:
            said.append(f"no layer fits the GPU memory that is free ({gpus}); {_size(room.memory)} of memory are free")
        case "cpu":
            said.append(f"no GPU here; {_size(room.memory)} of memory are free")
        case _:
            said.append(f"too large: {_size(room.memory)} of memory and {gpus} of GPU memory are free")
    if lacks_disk:
        said.append(f"too large for the disk: {_size(view.download)} to fetch, {_size(room.disk or 0)} free")
    return said


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / MIB:.0f} MiB"
