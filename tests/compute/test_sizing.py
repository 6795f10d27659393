"""How a machine is shared between its models and its Dask workers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.compute.sizing import (
    GIB,
    MIB,
    SYSTEM_LEAST,
    THREADS_MOST,
    WORKER_LEAST,
    WORKERS_MOST,
    Ground,
    Share,
    WhyNone,
    Wish,
    for_workers,
    share_of,
    share_with,
)

GROUNDS = st.builds(
    Ground,
    memory=st.integers(0, 2048 * GIB),
    cores=st.integers(0, 512),
    gpus=st.lists(st.integers(0, 192 * GIB), max_size=9).map(tuple),
    serves_models=st.booleans(),
)
WISHES = st.builds(
    Wish,
    workers=st.none() | st.integers(0, 16),
    threads=st.none() | st.integers(1, 256),
    memory=st.none() | st.integers(WORKER_LEAST, 512 * GIB),
    models=st.none() | st.integers(0, 512 * GIB),
)


@pytest.mark.parametrize(
    ("ground", "workers", "threads", "memory"),
    [
        pytest.param(Ground(4 * GIB, 4), 1, 2, 1792 * MIB, id="a Raspberry Pi"),
        pytest.param(Ground(2 * GIB, 2), 1, 1, 768 * MIB, id="a small virtual machine"),
        pytest.param(Ground(16 * GIB, 8), 1, 4, 7372 * MIB, id="a laptop"),
        pytest.param(Ground(16 * GIB, 8, (8 * GIB,)), 2, 3, 6860 * MIB, id="a gaming box"),
        pytest.param(Ground(128 * GIB, 20, (0,)), 5, 3, 12697 * MIB, id="one whose GPU shares the memory"),
        pytest.param(Ground(256 * GIB, 64), 8, 4, 16128 * MIB, id="a server"),
        pytest.param(Ground(8 * GIB, 4, serves_models=False), 1, 3, 7372 * MIB, id="one without models"),
    ],
)
def test_shapes_of_machines(ground: Ground, workers: int, threads: int, memory: int) -> None:
    assert share_of(ground) == Share(workers, threads, memory, gpus=len(ground.gpus))


def test_a_machine_without_gpu_keeps_half_of_its_memory_and_cores_for_models() -> None:
    share = share_of(Ground(memory=16 * GIB, cores=8))
    left = 16 * GIB - 16 * GIB // 10
    assert left // 2 - 4 * MIB < share.workers * share.memory <= left // 2
    assert share.workers * share.threads == 4


def test_models_in_a_gpu_leave_the_machine_to_workers() -> None:
    share = share_of(Ground(memory=64 * GIB, cores=16, gpus=(24 * GIB,)))
    assert share.workers * share.memory > 58 * GIB
    assert share.workers * share.threads in range(12, 16)


def test_a_gpu_that_shares_the_memory_leaves_half_of_it() -> None:
    shared = for_workers(Ground(memory=64 * GIB, cores=8, gpus=(0,)))
    assert shared == for_workers(Ground(memory=64 * GIB, cores=8))


def test_a_machine_that_serves_no_models_is_for_workers() -> None:
    assert for_workers(Ground(memory=8 * GIB, cores=4, serves_models=False)) == 8 * GIB - 8 * GIB // 10


def test_a_tiny_machine_gets_no_worker_and_says_why() -> None:
    share = share_of(Ground(memory=GIB, cores=4))
    assert (share.workers, share.why_none) == (0, WhyNone.MEMORY)


def test_whoever_wants_none_has_none_and_whoever_wants_some_has_them() -> None:
    assert share_of(Ground(16 * GIB, 8), Wish(workers=0)) == Share(0, 0, 0, why_none=WhyNone.SETTINGS)
    assert share_of(Ground(GIB, 1), Wish(workers=2)) == Share(2, 1, WORKER_LEAST), "were it at the expense of models"


def test_gpus_are_one_pool() -> None:
    share = share_of(Ground(memory=256 * GIB, cores=9, gpus=(80 * GIB,) * 3))
    assert share.workers == 2
    assert share.resources(0) == {"slot": share.threads, "MEMORY": share.memory, "GPU": 3}
    assert share.resources(1) == {"slot": share.threads, "MEMORY": share.memory}


def test_what_was_set_by_hand_is_cut_to_what_is_there() -> None:
    ground = Ground(memory=16 * GIB, cores=8)
    assert share_of(ground, Wish(workers=2, memory=GIB)).memory == GIB
    assert share_of(ground, Wish(workers=2, memory=64 * GIB)).memory == for_workers(ground) // 2 // MIB * MIB
    assert share_of(ground, Wish(workers=16, memory=64 * GIB)).memory == WORKER_LEAST
    assert share_of(ground, Wish(memory=64 * GIB)).workers == 1
    assert share_of(ground, Wish(threads=2)) == Share(2, 2, for_workers(ground) // 2 // MIB * MIB)


def test_what_models_keep_can_be_set_by_hand() -> None:
    ground = Ground(memory=16 * GIB, cores=8)
    everything = 16 * GIB - 16 * GIB // 10
    assert for_workers(ground, Wish(models=0)) == everything
    assert for_workers(ground, Wish(models=12 * GIB)) == everything - 12 * GIB
    assert share_of(ground, Wish(models=64 * GIB)).why_none is WhyNone.MEMORY


def test_more_workers_than_were_meant_share_what_there_is() -> None:
    ground = Ground(memory=16 * GIB, cores=8)
    assert share_with(ground, Wish(), 0) == share_of(ground)
    third = share_with(ground, Wish(), 2)
    assert (third.workers, third.memory) == (3, for_workers(ground) // 3 // MIB * MIB)


@given(GROUNDS)
def test_no_share_takes_more_than_there_is(ground: Ground) -> None:
    share = share_of(ground)
    assert share.workers <= WORKERS_MOST
    assert share.workers * share.memory <= for_workers(ground) <= max(0, ground.memory - SYSTEM_LEAST)
    assert (share.workers == 0) == (share.why_none is not None)
    if share.workers:
        assert share.memory >= WORKER_LEAST
        assert 1 <= share.threads * share.workers <= max(1, ground.cores)
        assert share.resources(0).get("GPU", 0) == len(ground.gpus)


@given(GROUNDS, WISHES)
def test_wishes_are_kept_as_far_as_that_is_possible(ground: Ground, wish: Wish) -> None:
    share = share_of(ground, wish)
    assert wish.workers in {None, share.workers}
    assert (share.workers == 0) == (share.why_none is not None)
    if share.workers:
        assert share.threads == wish.threads or 1 <= share.threads <= THREADS_MOST
        assert WORKER_LEAST <= share.memory <= max(WORKER_LEAST, wish.memory or share.memory)
        assert share.memory * share.workers <= max(for_workers(ground, wish), WORKER_LEAST * share.workers)
