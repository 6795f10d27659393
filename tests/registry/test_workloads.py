"""Who is found for which kind of work: the figures that count for it decide, and the rest of the score stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.registry import messages
from cluster_ai.core.errors import InvalidInput
from cluster_ai.registry.ranking import LEANS, UNTOLD, Lean, telemetry_for
from cluster_ai.registry.types import Query, Telemetry, Workload
from cluster_ai.registry.v1 import registry_pb2 as pb
from tests.registry.making import world
from tests.registry.test_finding import names

MACHINES = {
    "quick": Telemetry(load=0.5, p95_seconds=0.05, vram=0.9, memory=0.6),
    "roomy": Telemetry(load=0.3, p95_seconds=3.0, vram=0.1, memory=0.5),
    "empty": Telemetry(load=0.6, p95_seconds=1.0, vram=0.95, memory=0.05),
    "idle": Telemetry(load=0.05, p95_seconds=0.4, vram=0.5, memory=0.9),
}
shares = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("workload", "first"),
    [("inference", "idle"), ("training", "roomy"), ("memory", "empty"), ("agents", "quick"), (None, "idle")],
)
def test_each_kind_of_work_finds_another_machine(workload: str | None, first: str) -> None:
    found = world()
    for name, told in MACHINES.items():
        found.add(name, telemetry=told)
    assert names(found, workload=workload)[0] == first


def test_slow_one_comes_before_a_quick_one_where_nobody_waits_for_it() -> None:
    found = world()
    found.add("quick", telemetry=Telemetry(load=0.2, p95_seconds=0.1, vram=0.6))
    found.add("slow", telemetry=Telemetry(load=0.2, p95_seconds=8.0, vram=0.5))
    assert names(found, workload=Workload.TRAINING) == ["slow", "quick"]
    assert names(found, workload=Workload.AGENTS) == ["quick", "slow"]


def test_score_that_is_shown_is_the_one_that_ranked() -> None:
    found = world()
    for name, told in MACHINES.items():
        found.add(name, telemetry=told)
    for workload in Workload:
        rows = found.registry.discover(Query(workload=workload))
        assert [row.score.total for row in rows] == sorted((row.score.total for row in rows), reverse=True)
        for row in rows:
            assert row.score.telemetry == telemetry_for(MACHINES[row.instance.name], workload)
            whole = 0.4 * row.score.health + 0.3 * row.score.trail + 0.3 * row.score.telemetry
            assert row.score.total == pytest.approx(whole)


def test_health_and_trail_weigh_more_than_any_figure() -> None:
    found = world()
    found.add("empty", telemetry=Telemetry(load=0.0, p95_seconds=0.0, vram=0.0, memory=0.0))
    proven = found.add("proven", telemetry=Telemetry(load=0.5, p95_seconds=0.5, vram=0.2, memory=0.3))
    for one, ok in ((proven, True), (found.registry.discover(Query())[0].instance.id, False)):
        for _ in range(40):
            found.registry.evidence(one, ok)
    for workload in Workload:
        assert names(found, workload=workload)[0] == "proven"


def test_those_on_a_node_that_is_near_still_come_first() -> None:
    found = world()
    for name, told in MACHINES.items():
        found.add(name, telemetry=told, node_id=f"at-{name}")
    assert names(found, workload=Workload.TRAINING, near="at-quick", top=2) == ["quick", "roomy"]


def test_every_workload_leans_on_something() -> None:
    assert set(LEANS) == set(Workload)
    assert all(lean != Lean() for lean in LEANS.values())


figures = st.builds(Telemetry, load=shares, vram=shares, memory=shares, p95_seconds=st.floats(0, 100))


@given(st.sampled_from(Workload), figures, st.sampled_from(["load", "vram", "memory"]))
def test_more_room_never_ranks_lower(workload: Workload, told: Telemetry, which: str) -> None:
    roomier = told.model_copy(update={which: getattr(told, which) / 2})
    assert 0 <= telemetry_for(told, workload) <= telemetry_for(roomier, workload) <= 1


def test_one_that_tells_nothing_is_neither_first_nor_last() -> None:
    for workload, lean in LEANS.items():
        silent = telemetry_for(Telemetry(), workload)
        best = telemetry_for(Telemetry(load=0, vram=0, memory=0, p95_seconds=0), workload)
        assert 0 < silent < best == 1
        assert silent == pytest.approx(UNTOLD ** (lean.quick + lean.load + lean.vram + lean.memory))


def test_a_thousand_are_ranked_as_one_after_the_other_would_be() -> None:
    found = world()
    for number in range(1000):
        told = Telemetry(load=number % 7 / 7, vram=number % 11 / 11, memory=number % 13 / 13, p95_seconds=number % 5)
        found.add(f"n{number}", telemetry=told)
    for workload in Workload:
        every = found.registry.discover(Query(workload=workload, top=1000))
        best = found.registry.discover(Query(workload=workload, top=10))
        assert [row.instance.id for row in best] == [row.instance.id for row in every][:10]
        assert [row.score.total for row in every] == sorted((row.score.total for row in every), reverse=True)


def test_both_protocols_say_it_the_same() -> None:
    assert set(messages.WORKLOADS) == set(Workload)
    assert len(pb.Workload.keys()) == len(Workload) + 1
    for workload, number in messages.WORKLOADS.items():
        assert messages.query(pb.Query(workload=number)) == Query.model_validate({"workload": workload.value})
    assert messages.query(pb.Query()).workload is None
    with pytest.raises(InvalidInput, match="workload"):
        messages.query(pb.Query(workload=99))
    figures = pb.Telemetry(load=0.1, vram=0.2, memory=0.3)
    said = messages.registration(pb.RegisterRequest(name="n", telemetry=figures))
    assert said.telemetry == Telemetry(load=0.1, vram=0.2, memory=0.3)
