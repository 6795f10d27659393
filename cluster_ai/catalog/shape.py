"""What of a model's header decides how much memory it takes. Pure.

Keys as llama.cpp writes and reads them (ggml, docs/gguf.md); where a header does not say, what llama.cpp assumes.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cluster_ai.catalog.gguf import Header
from cluster_ai.engines.gguf_check import BrokenModel

MOST_BLOCKS: Final = 1024
WINDOWED: Final[Mapping[str, int]] = MappingProxyType(
    {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "llama4": 4, "exaone4": 4}
)
"""Of so many blocks all but the last look back through a window only. Other families ignore the key."""
_IN_BLOCK: Final = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One layer. ``weights`` in bytes; ``keys`` and ``values`` are numbers kept for each token, 0 where none are.

    ``window`` is in tokens, 0 for the whole context; ``state`` in bytes for each answer being written.
    """

    weights: int
    keys: int = 0
    values: int = 0
    window: int = 0
    state: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model as the arithmetic of memory sees it. Sizes in bytes, lengths in tokens or numbers."""

    architecture: str
    blocks: tuple[Block, ...]
    embedding: int
    """The table of tokens: it stays in the machine's memory, wherever the blocks are."""
    rest: int
    """Everything that is in no block: the last matrix and norms."""
    tied: bool
    """The table of tokens is also the last matrix: a GPU needs a copy of it."""
    vocabulary: int
    width: int
    widest: int
    """Of the feed-forward parts that work at the same time."""
    heads: int
    context: int
    """That it was made for; 0 when it does not say."""
    projector: int = 0
    """A second file that reads images or sound."""

    @property
    def weights(self) -> int:
        return sum(block.weights for block in self.blocks) + self.embedding + self.rest


def shape_of(header: Header, *, projector: int = 0) -> Shape:
    """The shape that a header describes.

    Raises:
        BrokenModel: it does not say what it must.
    """
    said = _Said(header)
    if not said.architecture:
        raise BrokenModel("it does not say which architecture it has")
    count = said.whole("block_count")
    if not 0 < count <= MOST_BLOCKS:
        raise BrokenModel(f"it cannot have {count} blocks")
    sizes: Counter[int] = Counter()
    embedding = rest = 0
    for tensor in header.tensors:
        if found := _IN_BLOCK.match(tensor.name):
            sizes[min(int(found[1]), count - 1)] += tensor.size
        elif tensor.name in {"token_embd.weight", "per_layer_token_embd.weight"}:
            embedding += tensor.size
        else:
            rest += tensor.size
    return Shape(
        architecture=said.architecture,
        blocks=tuple(_block(said, at, sizes[at]) for at in range(count)),
        embedding=embedding,
        rest=rest,
        tied=all(tensor.name != "output.weight" for tensor in header.tensors),
        vocabulary=said.whole("vocab_size") or header.counts.get("tokenizer.ggml.tokens", 0),
        width=said.whole("embedding_length"),
        widest=_widest(said, count),
        heads=max((said.each("attention.head_count", at) for at in range(count)), default=0),
        context=said.whole("context_length"),
        projector=projector,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """Keys of the header's own architecture."""

    header: Header

    @property
    def architecture(self) -> str:
        value = self.header.values.get("general.architecture")
        return value if isinstance(value, str) else ""

    def value(self, key: str) -> Any:
        return self.header.values.get(f"{self.architecture}.{key}")

    def whole(self, key: str, default: int = 0) -> int:
        return self.header.whole(f"{self.architecture}.{key}", default)

    def each(self, key: str, at: int, default: int = 0) -> int:
        """The number for block ``at``: some models have one for all, some an array."""
        value = self.value(key)
        if isinstance(value, tuple):
            inside = value[at] if at < len(value) else default
            return int(inside) if isinstance(inside, int) and 0 <= inside < 2**31 else default
        return self.whole(key, default)


def _block(said: _Said, at: int, weights: int) -> Block:
    if said.value("attention.causal") is False:
        # It reads a text at once and remembers nothing of it.
        return Block(weights=weights)
    if _is_recurrent(said, at):
        return Block(weights=weights, state=_state(said))
    heads = said.each("attention.head_count", at, 1) or 1
    kv_heads = said.each("attention.head_count_kv", at, heads)
    size = said.whole("embedding_length") // heads
    keys, values = said.whole("attention.key_length", size), said.whole("attention.value_length", size)
    window = said.whole("attention.sliding_window") if _is_windowed(said, at) else 0
    if window:
        keys = said.whole("attention.key_length_swa", keys)
        values = said.whole("attention.value_length_swa", values)
    if said.whole("attention.key_length_mla"):
        # Multi-head latent attention (DeepSeek-V2): the values are a part of the keys, and are not kept twice.
        values = 0
    return Block(weights=weights, keys=keys * kv_heads, values=values * kv_heads, window=window)


def _is_windowed(said: _Said, at: int) -> bool:
    pattern = said.value("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        return bool(at < len(pattern) and pattern[at])
    every = said.whole("attention.sliding_window_pattern") or WINDOWED.get(said.architecture, 0)
    return bool(every) and at % every < every - 1


def _is_recurrent(said: _Said, at: int) -> bool:
    if not said.whole("ssm.state_size") and not said.whole("shortconv.l_cache"):
        return False
    if every := said.whole("full_attention_interval"):
        return (at + 1) % every != 0
    # Hybrids say it block by block; a model without any attention has no such key.
    return said.each("attention.head_count_kv", at) == 0


def _state(said: _Said) -> int:
    """Bytes that a recurrent block remembers of one answer (llama.cpp keeps them as 32-bit numbers)."""
    if cache := said.whole("shortconv.l_cache"):
        return 4 * max(0, cache - 1) * said.whole("embedding_length")
    inner, size = said.whole("ssm.inner_size"), said.whole("ssm.state_size")
    turned = max(0, said.whole("ssm.conv_kernel") - 1) * (inner + 2 * said.whole("ssm.group_count") * size)
    return 4 * (turned + size * inner)


def _widest(said: _Said, count: int) -> int:
    plain = max((said.each("feed_forward_length", at) for at in range(count)), default=0)
    used = said.whole("expert_used_count")
    expert = used * said.whole("expert_feed_forward_length", plain if used else 0)
    return max(plain, expert)
