"""What was acknowledged survives a power cut and a kill; and the harness can tell (NORMAL must lose rows in it)."""

import signal
from pathlib import Path

import pytest

from tests.chaos.power_cut.harness import acknowledged as promised_until
from tests.chaos.power_cut.harness import compare, cut_power, writing

pytestmark = [pytest.mark.real]


@pytest.mark.parametrize("number", range(3))
def test_full_loses_nothing_when_the_power_goes(tmp_path: Path, number: int) -> None:
    outcome = cut_power(tmp_path, synchronous="FULL", seconds=0.5 + number * 0.37)
    print(outcome)
    assert outcome.acknowledged > 50
    assert (outcome.lost, outcome.integrity) == (0, "ok")


def test_normal_loses_rows_so_the_harness_can_tell(tmp_path: Path) -> None:
    outcome = cut_power(tmp_path, synchronous="NORMAL")
    print(outcome)
    assert outcome.lost > 0
    assert outcome.integrity == "ok"


def test_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    path, promised = tmp_path / "x.db", set[int]()
    for number in range(8):
        with writing(path, synchronous="FULL") as process:
            promised |= promised_until(process, seconds=0.05 + number * 0.03, end=signal.SIGKILL)
        outcome = compare(path, promised)
        assert (outcome.lost, outcome.integrity) == (0, "ok"), number
    assert len(promised) > 200
