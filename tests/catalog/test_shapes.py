"""What a model's header says of its memory: every kind of attention, and headers that lie."""

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.catalog.fit import OLLAMA, needs
from cluster_ai.catalog.gguf import HeaderReader, read_header
from cluster_ai.catalog.shape import Shape, shape_of
from cluster_ai.engines.catalog import smollm_file
from cluster_ai.engines.gguf_check import BrokenModel, check
from tests.engines.gguf_bytes import array, model, pair, tensor, word

ONE = tensor(b"token_embd.weight", (64, 4))


def header(architecture: bytes, *more: bytes, tensors: tuple[bytes, ...] = (ONE,), **whole: int) -> bytes:
    """A header; ``whole`` are numbers under the architecture's own keys, with ``__`` for a dot."""
    keys = [
        pair(architecture + b"." + name.replace("__", ".").encode(), 4, struct.pack("<I", value))
        for name, value in whole.items()
    ]
    return model(pairs=(word(b"general.architecture", architecture), *keys, *more), tensors=tensors, data=0)


def shape(raw: bytes) -> Shape:
    reader = HeaderReader()
    assert reader.feed(raw)
    assert reader.header is not None
    return shape_of(reader.header)


COMMON = {"block_count": 12, "embedding_length": 1024, "attention__head_count": 8, "attention__head_count_kv": 2}


def test_grouped_heads_keep_less() -> None:
    block = shape(header(b"llama", **COMMON)).blocks[0]
    assert (block.keys, block.values, block.window) == (256, 256, 0)


def test_head_sizes_may_differ_from_the_width() -> None:
    found = shape(header(b"qwen3", **COMMON, attention__key_length=64, attention__value_length=32))
    assert (found.blocks[0].keys, found.blocks[0].values) == (128, 64)


def test_windows_by_family_and_by_array() -> None:
    gemma = shape(header(b"gemma3", **COMMON, attention__sliding_window=512))
    assert [bool(block.window) for block in gemma.blocks] == [True] * 5 + [False] + [True] * 5 + [False]
    flags = array(b"gemma3n.attention.sliding_window_pattern", 7, 12, b"\1\0" * 6)
    listed = shape(header(b"gemma3n", flags, **COMMON, attention__sliding_window=512))
    assert [bool(block.window) for block in listed.blocks] == [True, False] * 6
    # Families whose attention is whole carry the key as well.
    assert not any(block.window for block in shape(header(b"qwen2", **COMMON, attention__sliding_window=512)).blocks)


def test_latent_attention_keeps_no_values() -> None:
    latent = {"attention__key_length": 576, "attention__value_length": 512, "attention__key_length_mla": 192}
    block = shape(header(b"deepseek2", **{**COMMON, "attention__head_count_kv": 1}, **latent)).blocks[0]
    assert (block.keys, block.values) == (576, 0)


def test_hybrids_remember_a_state_instead() -> None:
    heads = array(b"granitehybrid.attention.head_count_kv", 4, 12, struct.pack("<12I", *([0] * 11), 8))
    sizes = {"block_count": 12, "embedding_length": 1024, "attention__head_count": 8}
    state = {"ssm__state_size": 128, "ssm__inner_size": 2048, "ssm__conv_kernel": 4, "ssm__group_count": 1}
    found = shape(header(b"granitehybrid", heads, **sizes, **state))
    assert [bool(block.state) for block in found.blocks] == [True] * 11 + [False]
    assert found.blocks[0].state == 4 * (3 * (2048 + 256) + 128 * 2048)
    assert needs(found, 65_536, OLLAMA).cache == found.blocks[11].keys * 2 * 2 * 65_536 + 11 * found.blocks[0].state


def test_models_that_read_at_once_keep_nothing() -> None:
    raw = header(b"bert", pair(b"bert.attention.causal", 7, b"\0"), **COMMON)
    assert needs(shape(raw), 512, OLLAMA).cache == 0


def test_weights_are_counted_where_they_are() -> None:
    tensors = (ONE, tensor(b"blk.3.ffn_up.weight", (32, 32), 8), tensor(b"output.weight", (64, 4), 1))
    found = shape(header(b"llama", tensors=tensors, **COMMON))
    assert (found.embedding, found.blocks[3].weights, found.rest, found.tied) == (1024, 1088, 512, False)


def test_it_agrees_with_the_check_that_the_node_makes() -> None:
    path = smollm_file()
    found, facts = shape_of(read_header(path)), check(path)
    assert (len(found.blocks), found.context, found.width) == (
        facts.block_count,
        facts.context_length,
        facts.embedding_length,
    )
    assert path.stat().st_size - 4 * 1024 * 1024 < found.weights < path.stat().st_size


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"GGML" + bytes(40), "not a GGUF"),
        (b"GGUF\x09\0\0\0" + bytes(40), "version 9"),
        (b"GGUF\x03\0\0\0" + struct.pack("<QQ", 2**40, 1), "tensors"),
        (header(b"llama", **{**COMMON, "block_count": 0}), "0 blocks"),
        (header(b"llama", **{**COMMON, "block_count": 2**31 - 1}), "blocks"),
        (header(b"llama", tensors=(tensor(b"x", (2**40, 2**40)),), **COMMON), "impossible shape"),
        (header(b"llama", array(b"x", 8, 2**30), **COMMON), "claims"),
        (header(b"llama", tensors=(tensor(b"x", (4,), 77),), **COMMON), "unknown type"),
        (model(pairs=(word(b"general.name", b"x"),)), "which architecture"),
    ],
)
def test_lies_are_refused(raw: bytes, said: str) -> None:
    with pytest.raises(BrokenModel, match=said):
        shape(raw)


def test_a_file_cut_in_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(header(b"llama", **COMMON)[:120])
    with pytest.raises(BrokenModel, match="ends in its header"):
        read_header(path)


@given(cuts=st.lists(st.integers(1, 200), min_size=1, max_size=60))
def test_pieces_of_any_size_give_the_same(cuts: list[int]) -> None:
    raw = header(b"gemma3", array(b"tokenizer.ggml.tokens", 8, 3, (b"\1" + bytes(7) + b"a") * 3), **COMMON)
    reader, at = HeaderReader(), 0
    for cut in [*cuts, len(raw)]:
        if reader.feed(raw[at : at + cut]):
            break
        at += cut
    assert reader.header is not None
    assert shape_of(reader.header) == shape(raw)


def test_damage_never_ends_in_anything_but_a_plain_refusal() -> None:
    rng = random.Random(5)
    raw = header(b"llama", array(b"tokenizer.ggml.tokens", 8, 3, (b"\1" + bytes(7) + b"a") * 3), **COMMON)
    for _ in range(3000):
        damaged = bytearray(raw)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        reader = HeaderReader()
        try:
            if reader.feed(bytes(damaged)) and reader.header is not None:
                needs(shape_of(reader.header), 8192, OLLAMA)
        except BrokenModel:
            pass
