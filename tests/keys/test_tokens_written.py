"""What the ledger tells of nodes: tokens by day, as energy is set against them, and when each model was asked for."""

from cluster_ai.core.db import Database
from cluster_ai.keys import tables
from cluster_ai.keys.records import Span, Used, Written
from cluster_ai.keys.service import Keys
from tests.keys.conftest import Ring

DAY, NEXT = "2027-01-01", "2027-01-02"


def used(node: str, day: str, tokens: int, *, model: str = "m", key: str = "k") -> Used:
    return Used(key, model, node, day, 1, 0, 1000, tokens)


def test_they_are_added_up_over_keys_and_models(ring: Ring) -> None:
    rows = [
        used("tower", DAY, 5),
        used("tower", DAY, 7, model="other"),
        used("tower", DAY, 11, key=""),
        used("tower", NEXT, 2**62),
        used("attic", NEXT, 3),
        used("", DAY, 99),
    ]

    async def story(keys: Keys, database: Database) -> None:
        assert await keys.written(span=Span()) == ()
        async with database.transaction() as connection:
            await tables.add_usage(connection, rows)
        assert set(await keys.written(span=Span())) == {
            Written("tower", DAY, 23),
            Written("tower", NEXT, 2**62),
            Written("attic", NEXT, 3),
        }
        assert await keys.written(span=Span(DAY, DAY)) == (Written("tower", DAY, 23),)

    ring.tell(story)


def test_last_day_of_each_model_at_each_node(ring: Ring) -> None:
    rows = [used("tower", DAY, 5), used("tower", NEXT, 5, key=""), used("attic", DAY, 0, model="x"), used("", NEXT, 1)]

    async def story(keys: Keys, database: Database) -> None:
        assert await keys.last_days() == {}
        async with database.transaction() as connection:
            await tables.add_usage(connection, rows)
        assert await keys.last_days() == {("tower", "m"): NEXT, ("attic", "x"): DAY}

    ring.tell(story)
