"""Models that nobody asked for: which are listed, what their removal gives back, and that a doubt keeps a model."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.catalog.types import Holding
from cluster_ai.catalog.unused import last_days, unused
from cluster_ai.keys import tables as ledger
from cluster_ai.keys.records import Used
from tests.catalog.fake_library import noise
from tests.catalog.test_over_the_api import SIZE, Around, around, ended

__all__ = ["around"]
TODAY = date(2027, 3, 31)
MARCH_1 = 1_803_859_200.0
DAY = 86_400.0


def held(*names: str, at: float = MARCH_1, **more: object) -> tuple[tuple[str, Holding], ...]:
    fixed = {"node": "n", "size": 100, "modified_at": at}
    return tuple((name, Holding(**fixed | {"digest": name} | more)) for name in names)  # type: ignore[arg-type]


def listed(models: tuple[tuple[str, Holding], ...], last: dict[str, str] | None = None, **more: object) -> list[str]:
    values: dict[str, object] = {"pinned": (), "today": TODAY, "days": 30} | more
    found = unused({"n": models}, {("n", name): day for name, day in (last or {}).items()}, **values)  # type: ignore[arg-type]
    return [one.model for one in found]


def test_last_call_and_last_change_both_lie_back() -> None:
    assert listed(held("a:1b")) == ["a:1b"]
    assert listed(held("a:1b", at=MARCH_1 + DAY)) == [], "it came 29 days ago"
    assert listed(held("a:1b"), {"a:1b": "2027-03-01"}) == ["a:1b"]
    assert listed(held("a:1b"), {"a:1b": "2027-03-02"}) == []
    assert listed(held("a:1b"), {"a:1b": "2027-03-02"}, days=29) == ["a:1b"]
    assert listed(held("a:1b"), {"other:1b": "2027-03-31"}) == ["a:1b"]


def test_doubt_keeps_a_model() -> None:
    assert listed(held("a:1b", at=0.0)) == [], "nobody knows how old it is"
    assert listed(held("a:1b", loaded=True)) == []
    assert listed(held("A:1B"), pinned=[("n", "a:1b")]) == []
    assert listed(held("a:1b"), pinned=[("other", "a:1b")]) == ["a:1b"]


def test_calls_count_however_they_named_the_model() -> None:
    asked = {("n", "Llama3"): "2027-03-30", ("n", "best"): "2027-03-29", ("m", "qwen:7b"): "2027-03-28"}
    last = last_days(asked, {"Best": ("qwen:7b", "llama3")})
    assert last["n", "llama3:latest"] == "2027-03-30", "the later of both"
    assert last["n", "qwen:7b"] == "2027-03-29"
    assert last["m", "qwen:7b"] == "2027-03-28"


def test_files_under_two_names_come_back_once_and_only_when_both_go() -> None:
    both = held("a:1b", "b:1b", digest="same")
    found = unused({"n": both}, {}, pinned=(), today=TODAY, days=30)
    assert [one.freed for one in found] == [100, 0]
    found = unused({"n": both}, {("n", "b:1b"): "2027-03-31"}, pinned=(), today=TODAY, days=30)
    assert [(one.model, one.freed) for one in found] == [("a:1b", 0)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 999), st.booleans()), max_size=9))
def test_never_more_comes_back_than_there_is(rows: list[tuple[str, int, bool]]) -> None:
    sizes = dict(zip("abc", (10, 20, 30), strict=True))
    models = tuple(
        (f"m{number}:x", Holding(node="n", digest=kind, size=sizes[kind], loaded=loaded, modified_at=MARCH_1))
        for number, (kind, _, loaded) in enumerate(rows)
    )
    found = unused({"n": models}, {}, pinned=(), today=TODAY, days=1)
    gone = set("abc") - {one.digest for _, one in models if one.loaded}
    there = {one.digest for _, one in models}
    assert sum(one.freed for one in found) == sum(sizes[digest] for digest in gone & there)


@pytest.fixture
def old(around: Around) -> Around:
    """``dusty:1b`` and ``used:1b`` lie on both nodes since long ago; one of them was asked for at ``one`` today."""
    for seed, name in enumerate(("dusty", "used"), start=30):
        around.library.add(name, "1b", noise(SIZE, seed=seed))
        ended(around, around.ask("POST", "/pulls", {"model": f"{name}:1b"}, status=201)["id"])
        for node in around.nodes:
            node.changed[f"{name}:1b"] = time.time() - 90 * DAY
    today = time.strftime("%Y-%m-%d", time.gmtime())

    async def use() -> None:
        async with around.api.plane.rooms.database.transaction() as connection:
            await ledger.add_usage(connection, [Used("", "used:1b", "one", today, 1, 0, 3, 5)])

    around.api.served.run(use())
    return around


def test_they_are_listed_and_removed_when_somebody_says_yes(old: Around) -> None:
    told = old.ask("GET", "/unused?days=30")
    mine = [(one["node"], one["model"], one["last_used"]) for one in told["items"]]
    assert mine == [("one", "dusty:1b", ""), ("two", "dusty:1b", ""), ("two", "used:1b", "")]
    assert told["silent"] == []
    assert old.ask("GET", "/unused?days=91")["items"] == []
    for wrong in ("0", "4000", "x", "-1"):
        assert old.ask("GET", f"/unused?days={wrong}", status=422)["code"] == "invalid_input"
    shown = old.cli("gc", "--node", "two")
    assert shown.returncode == 0, shown.stderr
    assert "dusty:1b" in shown.stdout
    assert "Nothing is removed" in shown.stderr
    assert {name for name, _ in old.nodes[1].holdings()} >= {"dusty:1b", "used:1b"}
    asked = len(old.api.world.requests)
    done = old.cli("gc", "--node", "one", "--yes")
    assert done.returncode == 0, done.stderr
    assert "1 models are removed" in done.stderr
    orders = [one for one in old.api.world.requests[asked:] if one["path"] == "/api/delete"]
    assert [(one["body"]["model"], one["headers"]["x-cluster-node"]) for one in orders] == [("dusty:1b", "one")]
