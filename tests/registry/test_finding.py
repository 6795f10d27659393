"""Who is found, in which order, and what the score is made of."""

import pytest

from cluster_ai.registry.service import Registry
from cluster_ai.registry.trails import HALF_LIFE, Trail, faded, marked, strength
from cluster_ai.registry.types import MOST_RANKED, Query, RegistryFull, Renewal, State, Telemetry
from tests.registry.making import ME, World, world


def names(found: World, **query: object) -> list[str]:
    return [row.instance.name for row in found.registry.discover(Query(**query))]


def test_the_score_is_four_tenths_health_three_trail_three_telemetry() -> None:
    found = world()
    one = found.add(telemetry=Telemetry(load=0.5, success=0.8, p95_seconds=1.0))
    (row,) = found.registry.discover(Query())
    assert row.score.health == 1.0
    assert row.score.trail == 0.5
    assert row.score.telemetry == pytest.approx(0.8 * 0.5 * 0.5)
    assert row.score.total == pytest.approx(0.4 + 0.15 + 0.06)
    found.registry.evidence(one, True)
    (row,) = found.registry.discover(Query())
    assert row.score.trail == pytest.approx(2 / 3)


def test_the_less_loaded_the_proven_and_the_steady_come_first() -> None:
    found = world()
    ids = {name: found.add(name) for name in ("plain", "loaded", "proven", "late")}
    found.registry.renew(ids["loaded"], Renewal(telemetry=Telemetry(load=0.9)), ME)
    found.registry.evidence(ids["proven"], True)
    for _ in range(3):
        found.pass_time(2.0)
        for name in ("plain", "loaded", "proven"):
            found.registry.renew(ids[name], Renewal(), ME)
        found.pass_time(1.5)
        for one in ids.values():
            found.registry.renew(one, Renewal(), ME)
    assert names(found) == ["proven", "plain", "late", "loaded"]


def test_equals_stay_in_order() -> None:
    found = world()
    for number in range(20):
        found.add(f"n{number:02}", id=f"{number:02}")
    expected = [f"n{number:02}" for number in range(20)]
    assert all(names(found, top=20) == expected for _ in range(3))
    assert names(found, top=3) == expected[:3]


def test_only_healthy_ones_unless_asked() -> None:
    found = world()
    found.add("old")
    found.pass_time(3.5)
    found.add("new")
    assert names(found) == ["new"]
    assert names(found, states={State.DEGRADED}) == ["old"]
    assert names(found, states={State.DEGRADED, State.HEALTHY}) == ["new", "old"]
    assert [row.name for row in found.registry.list(Query())] == ["new", "old"]


def test_everything_that_is_asked_must_hold() -> None:
    found = world()
    found.add("a", kind="engine", capabilities={"chat", "gpu"}, labels={"rack=1"}, node_id="m1", version="1.0")
    found.add("b", kind="engine", capabilities={"chat"}, labels={"rack=2"}, node_id="m2", metadata={"note": "Old BOX"})
    found.add("c", kind="worker", capabilities={"gpu"}, node_id="m1", url="http://10.0.0.9:1")
    assert names(found, capabilities={"chat", "gpu"}) == ["a"]
    assert names(found, capabilities={"chat"}, kind="worker") == []
    assert names(found, labels={"rack=1", "rack=2"}) == ["a", "b"]
    assert names(found, node_id="m1", kind="worker") == ["c"]
    assert names(found, text="old box") == ["b"]
    assert names(found, text="10.0.0.9") == ["c"]
    assert names(found, near="m2", kind="engine") == ["b", "a"]
    assert names(found, capabilities={"never-heard-of"}) == []


def test_a_capability_that_nobody_has_any_more_takes_no_room() -> None:
    found = world()
    for number in range(50):
        one = found.add(capabilities={f"w{number}"}, kind=f"k{number}")
        found.registry.renew(one, Renewal(capabilities=frozenset({"other"})), ME)
        found.registry.deregister(one, ME)
    shelves = found.registry._shelves
    assert (shelves.by_id, shelves._by_kind, shelves._by_word) == ({}, {}, {})


def test_what_ended_leaves_the_agenda() -> None:
    found = world()
    for _ in range(200):
        found.registry.deregister(found.add(lease_seconds=3600.0), ME)
    found.pass_time(31, step=1)
    assert found.registry._agenda == []


def test_there_is_room_for_so_many_and_who_is_in_may_come_again() -> None:
    found = world(most=2)
    first, _ = found.add("a", id="a"), found.add("b")
    with pytest.raises(RegistryFull):
        found.add("c")
    assert found.add("again", id=first) == first
    assert isinstance(found.registry, Registry)


def test_no_more_than_is_sensible_is_asked_for() -> None:
    with pytest.raises(ValueError, match="less than or equal"):
        Query(top=MOST_RANKED + 1)


def test_marks_fade_by_half_in_each_half_life() -> None:
    trail = Trail()
    for _ in range(8):
        trail = marked(trail, 0.0, ok=True)
    assert strength(trail, 0.0) == pytest.approx(9 / 10)
    assert faded(trail, HALF_LIFE).successes == pytest.approx(4)
    assert strength(trail, 3 * HALF_LIFE) == pytest.approx(2 / 3)
    assert strength(trail, 1000 * HALF_LIFE) == pytest.approx(1 / 2)


def test_a_long_success_is_undone_by_a_new_failure_in_time() -> None:
    trail = Trail()
    for second in range(5000):
        trail = marked(trail, float(second), ok=True)
    assert trail.successes <= 1000
    assert strength(marked(trail, 5000.0, ok=False), 5000.0) < strength(trail, 5000.0)
