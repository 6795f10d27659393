"""What energy yielded and cost: sums that agree with each other, and nothing said of what nobody measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.power import Drawn, Yield
from cluster_ai.nodes.power_views import MOST_DAYS, days_of, power_view
from cluster_ai.nodes.types import PowerSettings
from cluster_ai.nodes.views import EnergyView, PowerView

TODAY = "2027-03-05"
PRICED = PowerSettings(price_per_kwh=0.30, currency="BRL")
FOUND = Yield(
    {
        ("attic", "2027-03-04"): Drawn(1000.0, 7200.0),
        ("tower", "2027-03-04"): Drawn(500.0, 3600.0),
        ("tower", TODAY): Drawn(500.0, 3600.0),
    },
    {("tower", TODAY): 4_000_000, ("attic", TODAY): 999, ("cellar", TODAY): 999},
)


def shown(found: Yield = FOUND, *, settings: PowerSettings = PRICED, **watts: float | None) -> PowerView:
    today = Yield({key: drawn for key, drawn in found.drawn.items() if key[1] == TODAY}, found.tokens)
    return power_view(found, today, settings, days=("2027-03-01", TODAY), watts=watts)


def test_energy_becomes_money_and_tokens() -> None:
    view = shown(tower=120.0, attic=None)
    assert view.total.model_dump() == {
        "watt_hours": 2000.0,
        "measured_seconds": 14_400.0,
        "cost": pytest.approx(0.60),
        "output_tokens": 4_000_000,
        "tokens_per_watt_hour": 2000.0,
        "cost_of_a_million": pytest.approx(0.15),
    }
    assert (view.today.watt_hours, view.today.tokens_per_watt_hour) == (500.0, 8000.0)
    assert [(one.machine, one.watts, one.energy.watt_hours) for one in view.machines] == [
        ("attic", None, 1000.0),
        ("tower", 120.0, 1000.0),
    ]
    assert [(one.day, one.energy.watt_hours) for one in view.days] == [("2027-03-04", 1500.0), (TODAY, 500.0)]
    assert (view.watts, view.untold, view.currency) == (120.0, ("attic",), "BRL")


def test_tokens_of_machines_and_days_without_energy_count_for_nothing() -> None:
    view = shown(Yield({("tower", TODAY): Drawn(0.0, 10.0)}, {("tower", TODAY): 5, ("attic", TODAY): 5}))
    assert (view.total.output_tokens, view.total.tokens_per_watt_hour) == (0, None)
    assert view.total.measured_seconds == 10.0


def test_without_a_price_nothing_is_said_of_money() -> None:
    view = shown(settings=PowerSettings())
    assert (view.price_per_kwh, view.currency, view.total.cost, view.total.cost_of_a_million) == (None, "", None, None)
    assert view.total.tokens_per_watt_hour == 2000.0


def test_machine_that_has_just_begun_to_tell_is_there_with_nothing() -> None:
    view = shown(Yield(), tower=80.0)
    assert [(one.machine, one.watts, one.energy) for one in view.machines] == [
        ("tower", 80.0, EnergyView(cost=0.0)),
    ]
    assert shown(Yield()).watts is None


NAMES = st.tuples(st.sampled_from("abc"), st.sampled_from(["2027-03-03", "2027-03-04", TODAY]))
DRAWN = st.builds(Drawn, st.floats(0, 1e6), st.floats(0, 86_400))


@given(st.dictionaries(NAMES, DRAWN), st.dictionaries(NAMES, st.integers(0, 10**9)))
def test_machines_and_days_add_up_to_the_total(drawn: dict[tuple[str, str], Drawn], tokens: object) -> None:
    view = shown(Yield(drawn, tokens))  # type: ignore[arg-type]
    for parts in (view.machines, view.days):
        energy = [part.energy for part in parts]
        assert sum(one.watt_hours for one in energy) == pytest.approx(view.total.watt_hours)
        assert sum(one.measured_seconds for one in energy) == pytest.approx(view.total.measured_seconds)
        assert sum(one.output_tokens for one in energy) == view.total.output_tokens
        assert sum(one.cost or 0.0 for one in energy) == pytest.approx(view.total.cost)


def test_days_that_are_meant() -> None:
    assert days_of("", "", today=TODAY) == ("2027-02-04", TODAY)
    assert days_of("", "2027-01-30", today=TODAY) == ("2027-01-01", "2027-01-30")
    assert days_of("2027-03-01", "", today=TODAY) == ("2027-03-01", TODAY)
    assert days_of("", "0001-01-02", today=TODAY) == ("0001-01-01", "0001-01-02")
    assert MOST_DAYS == 366
    assert days_of("2028-01-01", "2028-12-31", today=TODAY) == ("2028-01-01", "2028-12-31")


@pytest.mark.parametrize(
    ("first", "last", "path"),
    [
        ("2027-02-30", "", "first"),
        ("", "2027-13-01", "last"),
        ("2027-03-02", "2027-03-01", "first"),
        ("2028-01-01", "2029-01-01", "first"),
        ("0001-01-01", "9999-12-31", "first"),
    ],
)
def test_days_that_cannot_be(first: str, last: str, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        days_of(first, last, today=TODAY)
    assert caught.value.path == path
