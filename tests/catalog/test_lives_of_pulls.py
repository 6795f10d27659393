"""The life of a part, what it makes of the whole, which starts from where, and that both databases keep it."""

import asyncio
from dataclasses import replace

import pytest

from cluster_ai.catalog import tables
from cluster_ai.catalog.board import Board
from cluster_ai.catalog.choosing import MOST_AT_ONCE, MOST_FROM_ONE, Wanted, choose
from cluster_ai.catalog.machine import (
    Broke,
    Cancelled,
    Finished,
    IllegalStep,
    Interrupted,
    Noted,
    Part,
    Paused,
    Progressed,
    Resumed,
    Started,
    apply,
    state_of,
)
from cluster_ai.catalog.places import Place
from cluster_ai.catalog.tables import Pull
from cluster_ai.catalog.types import Holding, LayerProgress, Pin, PullState
from cluster_ai.core.db import open_database

S = PullState
PART = Part("p", "a")
LAYER = LayerProgress(digest="sha256:1", total=100, completed=40)
RUNNING = apply(PART, Started("library"))


def test_a_part_goes_from_line_to_end() -> None:
    part = apply(apply(RUNNING, Progressed("pulling", LAYER)), Finished())
    assert (part.state, part.attempts, part.layers[0].completed) == (S.DONE, 1, 100)


def test_a_copy_that_fails_goes_on_from_elsewhere_in_the_same_attempt() -> None:
    assert apply(apply(PART, Started("node", "b")), Started("library")).attempts == 1


def test_what_failed_or_was_cancelled_can_go_on() -> None:
    for stopped in (apply(RUNNING, Broke("full", "pull_failed")), apply(RUNNING, Cancelled())):
        again = apply(stopped, Resumed())
        assert (again.state, again.error, again.code) == (S.QUEUED, "", "")
    assert apply(apply(RUNNING, Cancelled()), Noted("1 MiB stays")).status == "1 MiB stays"


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (S.DONE, Started("library")),
        (S.DONE, Cancelled()),
        (S.DONE, Broke("x", "y")),
        (S.PAUSED, Finished()),
        (S.PAUSED, Progressed("x")),
        (S.CANCELLED, Paused()),
        (S.QUEUED, Interrupted()),
        (S.QUEUED, Resumed()),
        (S.RUNNING, Noted("x")),
    ],
)
def test_what_cannot_happen_is_refused(state: PullState, event: object) -> None:
    with pytest.raises(IllegalStep):
        apply(replace(PART, state=state), event)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ((S.DONE, S.DONE), S.DONE),
        ((S.DONE, S.FAILED), S.FAILED),
        ((S.FAILED, S.QUEUED), S.QUEUED),
        ((S.PAUSED, S.RUNNING), S.RUNNING),
        ((S.DONE, S.CANCELLED), S.CANCELLED),
    ],
)
def test_the_whole_is_what_still_moves(states: tuple[PullState, ...], whole: PullState) -> None:
    assert state_of(replace(PART, state=state) for state in states) is whole


# -- from where


def place(name: str, *models: str, copies: bool = True, up: bool = True, digest: str = "d") -> Place:
    held = tuple((model, Holding(node=name, digest=digest)) for model in models)
    return Place(name=name, copies=copies, up=up, models=held)


def waits(*nodes: str, model: str = "m:1") -> list[Wanted]:
    return [Wanted(Part("p", node), model, "d", copies=True) for node in nodes]


def started(waiting: list[Wanted], *places: Place, running: tuple[tuple[str, Part], ...] = ()) -> list[tuple[str, str]]:
    return [(go.wanted.part.node, go.from_node or go.source) for go in choose(waiting, running, places)]


def test_one_fetches_and_the_others_wait_for_it() -> None:
    assert started(waits("a", "b", "c"), place("a"), place("b"), place("c")) == [("a", "library")]
    fetching = ("m:1", replace(PART, state=S.RUNNING, source="library"))
    assert started(waits("b", "c"), place("a"), place("b"), place("c"), running=(fetching,)) == []


def test_who_has_it_gives_it_to_as_many_as_it_can() -> None:
    names = ("b", "c", "d", "e")
    found = started(waits(*names), place("a", "m:1"), *map(place, names))
    assert found == [("b", "a"), ("c", "a")]
    assert len(found) == MOST_FROM_ONE
    assert started(waits("c", "d"), place("a", "m:1"), place("b", "m:1"), place("c"), place("d")) == [
        ("c", "a"),
        ("d", "b"),
    ]


def test_an_older_version_under_the_same_name_is_not_given_on() -> None:
    assert started(waits("b"), place("a", "m:1", digest="old"), place("b")) == [("b", "library")]


def test_a_node_without_an_agent_fetches_for_itself() -> None:
    assert started(waits("b", "c"), place("b", copies=False), place("c", copies=False)) == [
        ("b", "library"),
        ("c", "library"),
    ]


def test_nodes_that_refused_to_give_are_not_asked_again() -> None:
    refused = [replace(waits("b")[0], refused=frozenset({"a"}))]
    assert started(refused, place("a", "m:1"), place("b")) == [("b", "library")]


def test_there_are_bounds() -> None:
    names = [f"n{number}" for number in range(20)]
    assert len(started(waits(*names), *(place(name, copies=False) for name in names))) == MOST_AT_ONCE
    busy = ("other:1", replace(PART, state=S.RUNNING, source="library"))
    assert started(waits("a"), place("a", copies=False), running=(busy,)) == []
    assert started(waits("a"), place("a", up=False)) == []


# -- kept


def test_both_databases_keep_it(url: str) -> None:
    pull = Pull(id="p1", model="m:1", digest="d", size=2**40, by="ana", created_at=1.5, changed_at=1.5)
    part = replace(PART, pull_id="p1", layers=(LAYER,), state=S.RUNNING, source="library")

    async def story() -> None:
        async with open_database(url, on_fatal=pytest.fail) as database:
            async with database.transaction() as connection:
                await tables.add_pull(connection, pull, (part, replace(part, node="b", state=S.DONE)))
                await tables.add_pin(connection, Pin(model="m:1", node="a", by="ana", at=1.0))
                await tables.add_pin(connection, Pin(model="m:1", node="a", by="eva", at=2.0))
                await tables.store_parts(connection, [replace(part, error="x" * 5000, status="y" * 999)], now=9.0)
            board = Board(database, now=lambda: 10.0, tell=lambda _: None)
            await board.open()
            view = await board.get("p1")
            assert [(seen.node, seen.state) for seen in view.parts] == [("a", S.QUEUED), ("b", S.DONE)]
            assert (view.size, view.parts[0].layers, len(view.parts[0].error)) == (2**40, (LAYER,), 1024)
            async with database.read() as connection:
                assert [pin.by for pin in await tables.all_pins(connection)] == ["eva"]
            await board.settle("p1", (), Cancelled())
            assert (await board.last(most=5))[0].state is S.CANCELLED
            await board.remove("p1")
            assert await board.last(most=5) == ()

    asyncio.run(story())


def test_only_the_newest_that_ended_are_remembered(url: str) -> None:
    async def story() -> None:
        async with open_database(url, on_fatal=pytest.fail) as database, database.transaction() as connection:
            for number in range(5):
                state = S.QUEUED if number == 0 else S.DONE
                pull = Pull(id=f"p{number}", model="m", created_at=float(number), changed_at=0.0)
                await tables.add_pull(connection, pull, [replace(PART, pull_id=pull.id, state=state)])
            await tables.remove_older(connection, keep=2)
            left = await tables.last_pulls(connection, most=9)
            assert [pull.id for pull, _ in left] == ["p4", "p3", "p0"]

    asyncio.run(story())
