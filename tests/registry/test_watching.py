"""Those who watch: all of it first, then each change; memory that does not grow with how slowly they read."""

import asyncio
import time
from itertools import count

import pytest

from cluster_ai.registry import feed
from cluster_ai.registry.types import Registration, Renewal, TooManyWatchers, What
from tests.registry.making import ME, World, world

pytestmark = pytest.mark.anyio


def register(found: World, name: str, **more: object) -> str:
    return found.registry.register(Registration(name=name, **more), ME).id


async def test_all_that_is_there_comes_first() -> None:
    found = world()
    ids = [register(found, f"n{number}") for number in range(3)]
    with found.registry.watch() as watcher:
        rows = await watcher.batch()
        assert [row.what for row in rows] == [What.RESET, *[What.ADDED] * 3, What.READY]
        assert [row.instance.id for row in rows[1:-1] if row.instance] == ids
        assert {row.number for row in rows} == {3}
        register(found, "later")
        (row,) = await watcher.batch()
        assert (row.what, row.number) == (What.ADDED, 4)


async def test_beats_and_figures_alone_are_no_change() -> None:
    found = world()
    one = register(found, "a", labels=frozenset({"x"}))
    with found.registry.watch() as watcher:
        await watcher.batch()
        number = found.registry.feed.number
        for _ in range(5):
            found.time.now += 1
            found.registry.renew(one, Renewal(labels=frozenset({"x"})), ME)
        assert found.registry.feed.number == number
        found.registry.renew(one, Renewal(labels=frozenset({"y"})), ME)
        (row,) = await watcher.batch()
        assert row.what is What.CHANGED


async def test_a_slow_watcher_begins_anew_and_holds_no_more_than_its_bound() -> None:
    found = world()
    with found.registry.watch(bound=10) as watcher:
        await watcher.batch()
        for number in range(11):
            register(found, f"n{number}")
        assert len(watcher._waiting) == 0
        assert watcher.begins_anew
        rows = await watcher.batch()
        assert [row.what for row in rows] == [What.RESET, *[What.ADDED] * 11, What.READY]
        register(found, "after")
        assert [row.what for row in await watcher.batch()] == [What.ADDED]


async def test_a_cursor_resumes_without_a_gap_or_a_repetition() -> None:
    found = world()
    with found.registry.watch() as watcher:
        register(found, "a")
        cursor = (await watcher.batch())[-1].cursor
    names = [found.registry.get(register(found, name)).name for name in ("b", "c")]
    with found.registry.watch(after=cursor) as watcher:
        assert [row.instance.name for row in await watcher.batch() if row.instance] == names
        newest = found.registry.feed.number
    with found.registry.watch(after=f"{cursor.rpartition('.')[0]}.{newest}") as watcher, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await watcher.batch()


@pytest.mark.parametrize(
    "wrong", ["x.1", "1", ".", "", "{life}.99", "{life}.-1", "{life}.1e3", "{life}." + "9" * 40, "{life}.²"]
)
async def test_a_cursor_that_means_nothing_begins_anew(wrong: str) -> None:
    found = world()
    register(found, "a")
    with found.registry.watch() as watcher:
        life = (await watcher.batch())[0].cursor.partition(".")[0]
    with found.registry.watch(after=wrong.format(life=life)) as watcher:
        assert (await watcher.batch())[0].what is What.RESET


async def test_a_cursor_older_than_memory_begins_anew() -> None:
    numbers = count()
    heard = feed.Feed(life="l", present=list, remember=3)
    found = world()
    instance = found.registry.get(register(found, "a"))
    for _ in range(5):
        heard.tell(What.CHANGED, instance.model_copy(update={"port": next(numbers)}))
    with heard.watch(after="l.1", kind=None) as watcher:
        assert (await watcher.batch())[0].what is What.RESET
    with heard.watch(after="l.2", kind=None) as watcher:
        assert [row.number for row in await watcher.batch()] == [3, 4, 5]


async def test_one_kind_is_watched_alone() -> None:
    found = world()
    with found.registry.watch(kind="engine") as watcher:
        register(found, "a", kind="worker")
        assert [row.what for row in await watcher.batch()] == [What.RESET, What.READY]
        register(found, "b", kind="worker")
        register(found, "c", kind="engine")
        assert [row.instance.name for row in await watcher.batch() if row.instance] == ["c"]


async def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_WATCHERS", 2)
    found = world()
    with found.registry.watch(), found.registry.watch(), pytest.raises(TooManyWatchers), found.registry.watch():
        pass
    with found.registry.watch():
        assert found.registry.feed.watchers == 1


async def test_an_ended_watch_is_over() -> None:
    found = world()
    with found.registry.watch() as watcher:
        await watcher.batch()
        asyncio.get_running_loop().call_later(0.01, watcher.end)
        began = time.monotonic()
        assert [change async for change in watcher] == []
        assert time.monotonic() - began < 5


async def test_those_who_come_at_the_same_moment_share_what_is_there() -> None:
    found = world()
    one = register(found, "a")
    with found.registry.watch() as first, found.registry.watch() as second:
        assert await first.batch() is await second.batch()
    found.registry.evidence(one, True)
    for _ in range(feed.MOMENTS):
        found.time.now += 0.1
        found.registry.tick(found.time.now)
    with found.registry.watch() as later:
        row = (await later.batch())[1]
        assert row.instance is not None
        assert row.instance.seen_at == pytest.approx(found.time.wall - 0.8)
