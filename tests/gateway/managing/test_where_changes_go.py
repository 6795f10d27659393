"""Which nodes a change goes to: by policy, by name, everywhere."""

import json
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput, NotFound, Unavailable
from cluster_ai.gateway.managing.asks import Ask, Verb, read_ask
from cluster_ai.gateway.managing.targets import Plan, Shelf, blob_plan, plan

GB = 10**9
EMBEDDED = Shelf("embedded", changes=False)


def ask(verb: Verb, **fields: Any) -> Ask:
    default = {"source": "s", "destination": "m"} if verb is Verb.COPY else {"model": "m"}
    return read_ask(verb, json.dumps(default | fields).encode())


PULL, PUSH, COPY, DELETE = (ask(verb) for verb in (Verb.PULL, Verb.PUSH, Verb.COPY, Verb.DELETE))
CREATE = ask(Verb.CREATE, **{"from": "s"})
FILED = ask(Verb.CREATE, files={"x": "sha256:" + "0" * 64})


def first(asked: Ask, *shelves: Shelf) -> str:
    made = plan(asked, (), shelves)
    assert not made.each
    return made.nodes[0]


def test_a_new_model_goes_where_most_room_is() -> None:
    a, b, c = Shelf("a", room=GB), Shelf("b", room=9 * GB), Shelf("c", models_bytes=5)
    assert plan(PULL, (), [a, b, c]).nodes == ("b", "a", "c")
    assert first(PULL, Shelf("a", models_bytes=9), Shelf("b", models_bytes=5)) == "b"
    assert first(PULL, Shelf("a", room=0), Shelf("b", models_bytes=9)) == "b"
    assert first(PULL, Shelf("a", inflight=2), Shelf("b")) == "b"


def test_nodes_that_are_down_draining_or_embedded_get_no_new_model() -> None:
    assert first(PULL, EMBEDDED, Shelf("a", up=False), Shelf("b", drains=True), Shelf("z", models_bytes=9)) == "z"
    assert first(PULL, EMBEDDED, Shelf("b", drains=True)) == "b"
    assert first(PULL, EMBEDDED) == "embedded"
    with pytest.raises(Unavailable, match="a, b"):
        plan(PULL, (), [EMBEDDED, Shelf("a", up=False), Shelf("b", up=False)])
    with pytest.raises(Unavailable):
        plan(PULL, (), [])


def test_a_model_that_is_there_is_updated_wherever_it_is() -> None:
    a, b = Shelf("a", has_model=True), Shelf("b", has_model=True, models_bytes=9)
    assert plan(PULL, (), [EMBEDDED, a, b, Shelf("c", room=GB)]) == Plan(("a", "b"), each=True)
    built_in = Shelf("embedded", changes=False, has_model=True)
    assert plan(PULL, (), [built_in, a]) == Plan(("a",), each=True)
    assert first(PULL, built_in, Shelf("c")) == "embedded"


@pytest.mark.parametrize("asked", [PUSH, COPY, CREATE])
def test_what_needs_a_model_goes_where_it_is(asked: Ask) -> None:
    busy = Shelf("a", has_source=True, inflight=3)
    assert first(asked, busy, Shelf("b", has_source=True), Shelf("c")) == "b"
    assert first(asked, busy, Shelf("b", has_source=True, up=False)) == "a"
    assert first(asked, busy, Shelf("b", has_source=True, drains=True)) == "a"
    assert first(asked, Shelf("embedded", changes=False, has_source=True), busy) == "a"


def test_what_nobody_has_is_not_found_or_fetched() -> None:
    for asked in (PUSH, COPY):
        with pytest.raises(NotFound, match=asked.source):
            plan(asked, (), [Shelf("a"), EMBEDDED])
        with pytest.raises(Unavailable, match="b"):
            plan(asked, (), [Shelf("a"), Shelf("b", has_source=True, up=False)])
    assert first(CREATE, Shelf("a", room=1), Shelf("b", room=2)) == "b"


def test_a_model_of_blobs_is_made_where_they_are() -> None:
    assert first(FILED, Shelf("a", room=GB), Shelf("b", has_blobs=True)) == "b"
    with pytest.raises(InvalidInput, match="no node has all"):
        plan(FILED, (), [Shelf("a"), Shelf("b")])


def test_a_model_is_deleted_wherever_it_is_but_not_from_what_keeps_its_own() -> None:
    built_in = Shelf("embedded", changes=False, has_model=True)
    a, down = Shelf("a", has_model=True), Shelf("b", has_model=True, up=False)
    assert plan(DELETE, (), [built_in, a, down, Shelf("c")]) == Plan(("a", "b"), each=True)
    assert plan(DELETE, (), [built_in, Shelf("c")]) == Plan(("embedded",), each=True)
    with pytest.raises(NotFound, match="'m' not found"):
        plan(DELETE, (), [Shelf("a")])


def test_all_means_everybody_who_can_also_those_that_are_down() -> None:
    a, b = Shelf("a", has_source=True), Shelf("b", up=False, has_source=True)
    assert plan(PULL, ("all",), [EMBEDDED, a, b]) == Plan(("a", "b"), each=True)
    assert plan(COPY, ("all",), [EMBEDDED, a, b, Shelf("c")]) == Plan(("a", "b"), each=True)
    assert plan(CREATE, ("all",), [EMBEDDED, a, Shelf("c")]) == Plan(("a",), each=True)
    assert first(PUSH, a, b) == "a"
    assert plan(PUSH, ("all",), [a, b]) == Plan(("a",))
    assert blob_plan(("all",), [EMBEDDED, a, b]) == Plan(("a", "b"), each=True)


@pytest.mark.parametrize("asked", [PULL, PUSH, COPY, CREATE, FILED, DELETE])
def test_named_nodes_are_those_by_name_or_label(asked: Ask) -> None:
    a, b = Shelf("a", labels=frozenset({"gpu"})), Shelf("b", labels=frozenset({"gpu"}), up=False)
    assert plan(asked, ("b",), [a, b, EMBEDDED]) == Plan(("b",), each=True)
    assert plan(asked, ("gpu",), [a, b, EMBEDDED]) == Plan(("a", "b"), each=True)
    assert plan(asked, ("embedded", "a"), [a, b, EMBEDDED]).nodes == ("embedded", "a")
    with pytest.raises(NotFound, match="x"):
        plan(asked, ("a", "x"), [a, b])


def test_blobs_go_where_most_room_is() -> None:
    assert blob_plan((), [EMBEDDED, Shelf("a"), Shelf("b", room=1)]).nodes == ("b", "a")
    assert blob_plan(("a", "b"), [Shelf("a"), Shelf("b")]) == Plan(("a", "b"), each=True)
