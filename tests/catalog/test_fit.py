"""The verdict before a download: where a model would run, with how much context, and why."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.catalog.fit import EMBEDDED, MIB, OLLAMA, FitView, Room, fit, needs
from cluster_ai.catalog.shape import Block, Shape

GIB = 1024 * MIB
LLAMA_8B = Shape(
    architecture="llama",
    # 32 blocks of Q4_K_M, 8 heads of 128 for keys and as many for values.
    blocks=(Block(weights=131 * MIB, keys=1024, values=1024),) * 32,
    embedding=282 * MIB,
    rest=411 * MIB,
    tied=False,
    vocabulary=128_256,
    width=4096,
    widest=14_336,
    heads=32,
    context=131_072,
)


def test_a_large_gpu_takes_every_layer() -> None:
    view = fit(LLAMA_8B, Room(gpus=(24 * GIB,), memory=32 * GIB), context=8192)
    assert (view.verdict, view.gpu_blocks) == ("gpu", 32)
    assert view.largest_gpu_context == view.largest_context > 65_536


def test_a_small_gpu_takes_some_layers_and_says_how_many() -> None:
    view = fit(LLAMA_8B, Room(gpus=(4 * GIB,), memory=32 * GIB), context=8192)
    assert view.verdict == "split"
    assert 10 < view.gpu_blocks < 32
    assert any(f"{view.gpu_blocks} of 32 layers" in reason for reason in view.reasons)


def test_two_small_gpus_take_what_one_could_not() -> None:
    one = fit(LLAMA_8B, Room(gpus=(5 * GIB,), memory=32 * GIB), context=8192)
    two = fit(LLAMA_8B, Room(gpus=(5 * GIB, 5 * GIB), memory=32 * GIB), context=8192)
    assert (one.verdict, two.verdict) == ("split", "gpu")


def test_without_a_gpu_memory_decides() -> None:
    assert fit(LLAMA_8B, Room(memory=8 * GIB), context=8192).verdict == "cpu"
    small = fit(LLAMA_8B, Room(memory=4 * GIB), context=8192)
    assert (small.verdict, small.largest_context) == ("no", 0)
    assert any("too large" in reason for reason in small.reasons)


def test_a_context_that_is_too_long_is_told_with_the_longest_that_fits() -> None:
    room = Room(memory=7 * GIB)
    refused = fit(LLAMA_8B, room, context=131_072)
    assert refused.verdict == "no"
    longest = refused.largest_context
    assert 0 < longest < 131_072
    assert fit(LLAMA_8B, room, context=longest).verdict == "cpu"
    assert fit(LLAMA_8B, room, context=longest + 256).verdict == "no"


def test_a_full_disk_refuses_before_anything_else() -> None:
    view = fit(LLAMA_8B, Room(memory=64 * GIB, disk=GIB), context=2048, download=5 * GIB)
    assert view.verdict == "no"
    assert view.reasons[-1] == "too large for the disk: 5.0 GiB to fetch, 1.0 GiB free"


def test_the_cache_is_two_bytes_a_number_and_half_of_that_in_eight_bits() -> None:
    plain = needs(LLAMA_8B, 8192, OLLAMA).cache
    assert plain == 32 * 2048 * 8192 * 2
    assert needs(LLAMA_8B, 8192, replace(OLLAMA, cache="q8_0")).cache == pytest.approx(plain * 34 / 64)


def test_windows_stop_growing_with_the_context() -> None:
    windowed = replace(LLAMA_8B, blocks=(Block(weights=MIB, keys=1024, values=1024, window=1024),) * 32)
    assert needs(windowed, 8192, OLLAMA).cache == needs(windowed, 131_072, OLLAMA).cache
    assert needs(windowed, 512, OLLAMA).cache == needs(replace(LLAMA_8B, context=0), 512, OLLAMA).cache


def test_every_slot_has_a_cache_of_its_own() -> None:
    one = needs(LLAMA_8B, 2048, replace(EMBEDDED, slots=1)).cache
    assert needs(LLAMA_8B, 2048, EMBEDDED).cache == 4 * one


def test_no_context_beyond_what_the_model_was_made_for() -> None:
    assert fit(replace(LLAMA_8B, context=4096), Room(memory=64 * GIB), context=131_072).context == 4096


ORDER = {"no": 0, "cpu": 1, "split": 2, "gpu": 3}


@given(
    gpus=st.lists(st.integers(0, 48 * GIB), max_size=3),
    memory=st.integers(0, 64 * GIB),
    contexts=st.lists(st.integers(256, 131_072), min_size=3, max_size=3),
)
def test_more_context_never_fits_better(gpus: list[int], memory: int, contexts: list[int]) -> None:
    room = Room(gpus=tuple(gpus), memory=memory)
    views = [fit(LLAMA_8B, room, context=context) for context in sorted(contexts)]
    for shorter, longer in itertools.pairwise(views):
        assert ORDER[longer.verdict] <= ORDER[shorter.verdict]
        assert longer.total >= shorter.total


@given(gpus=st.lists(st.integers(0, 48 * GIB), max_size=3), memory=st.integers(0, 64 * GIB))
def test_more_memory_never_fits_worse(gpus: list[int], memory: int) -> None:
    def verdict(room: Room) -> FitView:
        return fit(LLAMA_8B, room, context=8192)

    before = verdict(Room(gpus=tuple(gpus), memory=memory))
    after = verdict(Room(gpus=(*gpus, 8 * GIB), memory=memory + GIB))
    assert ORDER[after.verdict] >= ORDER[before.verdict]
