"""Energy is stored by machine and day, once, whatever the database and the process do meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.core.db import DatabaseBroken, DatabaseUnavailable, open_database
from cluster_ai.core.migrate import downgrade, upgrade
from cluster_ai.nodes import energy as module
from cluster_ai.nodes import tables
from cluster_ai.nodes.energy import STORE_SECONDS, Energy
from cluster_ai.nodes.power import Drawn
from tests.core.tables_alike import differences
from tests.core.test_migrations import names
from tests.nodes.metering import DAY, NEXT, Bench, machine
from tests.told import told_by

ROOT = Path(__file__).parents[2]
ALWAYS = ("0001-01-01", "9999-12-31")


@pytest.fixture
def bench(url: str) -> Bench:
    return Bench(url)


def test_table_in_the_code_is_that_in_the_database(url: str) -> None:
    assert differences(url, tables.metadata) == []


def test_migration_goes_back_and_forth_again(url: str) -> None:
    assert "machine_energy" in names(url)
    downgrade(url, to="0005")
    assert "machine_energy" not in names(url)
    assert "model_pulls" in names(url)
    upgrade(url)
    assert "machine_energy" in names(url)


def test_sums_are_kept_by_machine_and_day_and_outlive_the_head(bench: Bench) -> None:
    async def first(energy: Energy) -> None:
        for _ in range(11):
            bench.beat(energy)
        await energy.store()
        bench.beat(energy, "attic", watts=None)
        for _ in range(3):
            bench.beat(energy, "attic", watts=36.0)
        bench.now += 86_400  # the clock that days are told by; no time has passed
        bench.beat(energy)
        assert await energy.between(DAY, DAY) == {("tower", DAY): Drawn(10.0, 10.0), ("attic", DAY): Drawn(0.02, 2.0)}
        assert energy.ever() == {"tower": Drawn(10.0, 10.0)}, "only what no crash takes back"
        await energy.store()

    async def second(energy: Energy) -> None:
        # The head was away between the two: nobody measured.
        bench.beat(energy)
        bench.beat(energy)
        await energy.store()
        assert await energy.between(*ALWAYS) == {
            ("tower", DAY): Drawn(10.0, 10.0),
            ("attic", DAY): Drawn(pytest.approx(0.02), 2.0),  # type: ignore[arg-type]
            ("tower", NEXT): Drawn(6.0, 6.0),
        }
        assert energy.ever()["tower"] == Drawn(16.0, 16.0)
        assert await energy.between("2027-01-03", "2027-01-09") == {}

    bench.tell(first)
    bench.tell(second)


def test_machine_that_left_leaves_its_sums(bench: Bench) -> None:
    async def story(energy: Energy) -> None:
        bench.beat(energy)
        bench.beat(energy)
        energy.forget(machine("tower", "00000000-0000-0000-0000-00746f776572"))
        bench.beat(energy)
        assert await energy.between(*ALWAYS) == {("tower", DAY): Drawn(1.0, 1.0)}

    bench.tell(story)


def test_readers_never_see_a_sum_twice_or_not_at_all(bench: Bench) -> None:
    async def story(energy: Energy) -> None:
        bench.beat(energy)
        for heard in range(1, 40):
            bench.beat(energy)
            _, found = await asyncio.gather(energy.store(), energy.between(*ALWAYS))
            assert found == {("tower", DAY): Drawn(float(heard), float(heard))}

    bench.tell(story)


def test_two_heads_add_to_the_same_rows(bench: Bench) -> None:
    async def story(energy: Energy) -> None:
        other = Bench(bench.url)
        async with other.opened() as second:
            for _ in range(10):
                for one, each in ((bench, energy), (other, second)):
                    one.beat(each)
                    one.beat(each, "attic", seconds=0.5)
                await asyncio.gather(energy.store(), second.store())
            found = await energy.between(*ALWAYS)
        assert found["tower", DAY].measured_seconds == pytest.approx(2 * 9 * 1.5)

    bench.tell(story)


def test_database_that_is_away_loses_nothing_and_is_noted_once(tmp_path: Path) -> None:
    async def story() -> None:
        # A file without the table: it opens, and takes nothing.
        url = f"sqlite:///{tmp_path / 'x.db'}"
        bench = Bench(url)
        async with open_database(url, on_fatal=pytest.fail) as database:
            energy = Energy(database, lambda: bench.now)
            bench.beat(energy)
            with told_by(module) as logs:
                for _ in range(5):
                    bench.beat(energy)
                    await energy.store()
            assert [row["event"] for row in logs] == ["energy is kept in memory"]
            assert energy.ever() == {}
            with pytest.raises(DatabaseUnavailable):
                await energy.between(DAY, DAY)
            await asyncio.to_thread(upgrade, url)
            await energy.store()
            assert await energy.between(DAY, DAY) == {("tower", DAY): Drawn(5.0, 5.0)}
            assert energy.ever() == {"tower": Drawn(5.0, 5.0)}

    asyncio.run(story())


def test_after_a_failed_disk_nothing_is_counted_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(energy: Energy) -> None:
        real = tables.add_energy

        async def stored_and_failed(*given: object) -> None:
            await real(*given)  # type: ignore[arg-type]
            raise DatabaseBroken("fsync")

        bench.beat(energy)
        bench.beat(energy)
        monkeypatch.setattr(tables, "add_energy", stored_and_failed)
        await energy.store()
        monkeypatch.setattr(tables, "add_energy", real)
        bench.beat(energy)
        await energy.store()
        assert energy.ever() == {}, "nobody knows what is stored"

    bench.tell(story)


def test_what_came_last_is_stored_at_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STORE_SECONDS", 3600.0)

    async def story(energy: Energy) -> None:
        async with energy.running():
            bench.beat(energy)
            bench.beat(energy)
        assert energy.ever() == {"tower": Drawn(1.0, 1.0)}

    bench.tell(story)


def test_kill_between_two_stores_takes_half_a_minute_at_most(url: str) -> None:
    for lines in (47, 95, 203):
        heard, sure = run_and_kill(url, lines)
        before = stored(url)
        assert sure <= before <= heard
        assert heard - before <= STORE_SECONDS
        empty(url)


def run_and_kill(url: str, lines: int) -> tuple[int, int]:
    """Seconds that it had heard, and that it knew to be stored, when it was killed."""
    words, told = [sys.executable, "-m", "tests.nodes.metering", url], {"heard": 0, "stored": 0}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(lines):
            kind, _, number = process.stdout.readline().partition(" ")
            told[kind] = int(number)
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:
            kind, _, number = line.partition(" ")
            told[kind] = int(number)
    return told["heard"], told["stored"]


def stored(url: str) -> float:
    """Seconds that the database has."""

    async def read() -> float:
        async with Bench(url).opened() as energy:
            return energy.ever().get("tower", Drawn()).measured_seconds

    return asyncio.run(read())


def empty(url: str) -> None:
    async def delete() -> None:
        async with open_database(url, on_fatal=pytest.fail) as database, database.transaction() as connection:
            await connection.execute(tables.energy.delete())

    asyncio.run(delete())
