"""What the store finds, how it stays within its bounds, and that it answers from its indexes."""

import sqlite3
from pathlib import Path

import pytest

from cluster_ai.core.db import DatabaseUnavailable
from cluster_ai.logs import tables
from cluster_ai.logs.query import parse
from cluster_ai.logs.store import LogStore, open_store
from tests.logs.conftest import never
from tests.logs.writing import MOST, NOW, entry, found, texts

pytestmark = pytest.mark.anyio


async def test_words_phrases_filters_and_fields(store: LogStore) -> None:
    await store.add(
        [
            entry("call done", level=20, status=200, model="llama"),
            entry("call broken", level=30, status=500, code="no_node", part="gateway"),
            entry("worker left", level=40, part="worker-0", node="n1"),
            entry("olá, não há nó", level=20, part="backend"),
        ],
        [],
    )
    assert await texts(store, "") == ["olá, não há nó", "worker left", "call broken", "call done"]
    for query, wanted in {
        "call": ["call broken", "call done"],
        "CALL -broken": ["call done"],
        '"call broken"': ["call broken"],
        "brok*": ["call broken"],
        "status=500": ["call broken"],
        "no_node": ["call broken"],
        "nao ha": ["olá, não há nó"],
        "level:warning": ["worker left", "call broken"],
        "level:error": ["worker left"],
        "part:worker-*": ["worker left"],
        "part:gateway,backend level:info": ["olá, não há nó", "call broken", "call done"],
        "-part:gateway": ["olá, não há nó", "worker left"],
        "node:n1": ["worker left"],
        "-node:n1 call": ["call broken", "call done"],
        "nowhere": [],
        '"OR" call': [],
    }.items():
        assert await texts(store, query) == wanted, query


async def test_time_bounds(store: LogStore) -> None:
    await store.add([entry(f"m{n}", at=NOW - 60 * n) for n in range(10)], [])
    assert await texts(store, "since:3m") == ["m3", "m2", "m1", "m0"]
    assert await texts(store, "since:5m until:3m") == ["m5", "m4"]
    assert await texts(store, "m7 since:3m") == []
    assert await texts(store, "until:100d") == []


async def test_pages_by_number_hold_each_line_once(store: LogStore) -> None:
    await store.add([entry(f"line {n}") for n in range(25)], [])
    seen: list[int] = []
    before = MOST
    while items := await found(store, "line", before=before, limit=10):
        seen += [one.number for one in items]
        before = items[-1].number
        await store.add([entry("line behind")], [])
    assert seen == list(range(25, 0, -1)), "what came meanwhile does not move the pages"


async def test_counts_by_step_and_badness(store: LogStore) -> None:
    first = int(NOW) - int(NOW) % 60
    await store.add(
        [entry("a", at=first + n, level=level) for n, level in ((0, 20), (59, 30), (60, 40), (200, 50))], []
    )
    counted = await store.counts(parse("", now=NOW), first=first, step=60)
    assert [(one.at - first, one.lines, one.warnings, one.errors) for one in counted] == [
        (0, 2, 1, 0), (60, 1, 0, 1), (180, 1, 0, 1),
    ]  # fmt: skip
    assert len(await store.counts(parse("level:error a", now=NOW), first=first, step=60)) == 2


async def test_old_lines_and_then_the_oldest_beyond_the_size_are_removed(store: LogStore) -> None:
    await store.add([entry(f"old {n}", at=NOW - 1000) for n in range(50)], [])
    await store.add([entry(f"new {n} " + "x" * 500, at=NOW) for n in range(8000)], [])
    assert await store.prune(before=NOW - 500, most_bytes=1024**3) == 50
    assert await texts(store, "old") == []
    before = (await store.kept()).bytes
    assert before > 5_000_000
    assert await store.prune(before=0, most_bytes=4_000_000) > 1000
    kept = await store.kept()
    assert kept.bytes <= 4_000_000
    newest = await found(store, "new", limit=1)
    assert newest[0].text.startswith("new 7999")
    assert kept.lines == newest[0].number - (8050 - kept.lines)


async def test_the_file_gives_room_back(store: LogStore, tmp_path: Path) -> None:
    await store.add([entry("x" * 2000) for _ in range(3000)], [])
    await store.prune(before=NOW + 1, most_bytes=1)
    for _ in range(6):
        await store.add([entry("y")], [])
        await store.prune(before=NOW + 1, most_bytes=1)
    with sqlite3.connect(tmp_path / "logs.db") as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    assert pages * 4096 < 3_000_000


@pytest.mark.parametrize(
    "query",
    ["call", "level:warning", "level:error since:1h", "part:gateway", "node:n1", "since:1h", "call part:gateway -x"],
)
async def test_no_search_walks_the_table_without_an_index(store: LogStore, query: str) -> None:
    async with store._database.read() as connection:
        picked, number, values = await tables._picked(connection, parse(query, now=NOW))
        asked = picked.order_by(number.desc()).limit(10)
        compiled = asked.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        sql = str(compiled)
        for name, value in values.items():
            sql = sql.replace(f":{name}", "'" + value + "'")
        plan = [row[-1] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    whole = [step for step in plan if step.startswith("SCAN lines") and "INDEX" not in step]
    assert not whole, plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    path.write_bytes(b"this is no database" * 1000)
    async with open_store(path, on_fatal=never) as store:
        await store.add([entry("fresh")], [])
        assert await texts(store, "") == ["fresh"]
    assert (tmp_path / "logs.db.broken").read_bytes().startswith(b"this is no database")
    async with open_store(path, on_fatal=never) as store:
        assert await texts(store, "fresh") == ["fresh"], "a good one stays"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with open_store(tmp_path / "nowhere" / "logs.db", on_fatal=never):
            pass
