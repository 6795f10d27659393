"""Everything under a plan is killed once, and what was acknowledged is done all the same: once where that matters."""

import pytest

from benchmarks.tickets_chaos import run

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_doubled_or_out_of_order(database: str) -> None:
    found = run(postgres=database == "postgresql", kills=1, size=40, seed=5, workers=1)
    assert found["clean"], found
    assert set(found["kills"].values()) == {1}
    assert found["states"].get("succeeded", 0) > 0
