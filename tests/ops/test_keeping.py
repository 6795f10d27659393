"""Which backups are kept."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.ops.keeping import Keep, superfluous

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEEPS = st.builds(Keep, newest=st.integers(1, 5), daily=st.integers(0, 5), weekly=st.integers(0, 5))
MADE = st.lists(st.floats(0, 400 * 86_400), max_size=40)


def named(seconds: list[float]) -> list[tuple[str, float]]:
    return [(f"{number:03}", at) for number, at in enumerate(seconds)]


def test_newest_days_and_weeks_are_kept() -> None:
    hourly = [(f"{hour:04}", (START + timedelta(hours=hour)).timestamp()) for hour in range(24 * 60)]
    gone = set(superfluous(hourly, Keep(newest=3, daily=4, weekly=2)))
    kept = [name for name, _ in hourly if name not in gone]
    days = [datetime.fromtimestamp(dict(hourly)[name], UTC) for name in kept]
    # 60 days from noon of January 1st end at 11:00 of March 2nd, a Monday.
    assert [f"{day:%m-%d %H}" for day in days] == [
        "02-27 23",
        "02-28 23",
        "03-01 23",
        "03-02 09",
        "03-02 10",
        "03-02 11",
    ]


@given(MADE, KEEPS)
def test_newest_is_always_kept_and_nothing_is_kept_without_a_rule(made: list[float], keep: Keep) -> None:
    backups = named(made)
    gone = superfluous(backups, keep)
    kept = [one for one in backups if one[0] not in gone]
    assert len(kept) <= keep.newest + keep.daily + keep.weekly
    assert len(kept) >= min(len(backups), keep.newest)
    if backups:
        assert max(backups, key=lambda one: (one[1], one[0])) in kept


@given(MADE, KEEPS)
def test_thinning_again_takes_nothing_more(made: list[float], keep: Keep) -> None:
    backups = named(made)
    gone = superfluous(backups, keep)
    assert superfluous([one for one in backups if one[0] not in gone], keep) == ()
