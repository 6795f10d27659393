"""Watts, energy, money and tokens over HTTP and in the metrics: what is told, to whom, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster_ai.core.principals import Role
from cluster_ai.nodes.power import Drawn
from tests.backend.running import Api, running_api
from tests.keys.test_keys_over_the_api import add_user, of
from tests.machines.powered import TODAY, YESTERDAY, Powered, used

POWER = "/api/v1/power"
NOTHING = {
    "watt_hours": 0.0,
    "measured_seconds": 0.0,
    "cost": None,
    "output_tokens": 0,
    "tokens_per_watt_hour": None,
    "cost_of_a_million": None,
}


@pytest.fixture
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("power") / "home") as api:
        yield api


@pytest.fixture
def powered(api: Api) -> Powered:
    return Powered(api)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Powered]:
    """One that no machine joins."""
    with running_api(tmp_path_factory.mktemp("quiet") / "home") as api:
        yield Powered(api)


def told(api: Api, **query: str) -> dict[str, Any]:
    with api.local() as client:
        answer = client.get(POWER, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def metrics(api: Api) -> dict[str, float]:
    with api.local() as client:
        lines = client.get("/metrics").text.splitlines()
    found = (
        line.rpartition(" ") for line in lines if line.startswith(("cluster_ai_machine_w", "cluster_ai_machine_e"))
    )
    return {name: float(value) for name, _, value in found if "_created" not in name}


def test_without_machines_nothing_is_said(quiet: Powered) -> None:
    assert told(quiet.api) == {
        "first": "2026-12-03",
        "last": TODAY,
        "price_per_kwh": None,
        "currency": "",
        "watts": None,
        "today": NOTHING,
        "total": NOTHING,
        "machines": [],
        "days": [],
        "untold": [],
    }


def test_reports_become_watt_hours_tokens_and_money(powered: Powered) -> None:
    powered.priced(0.50, "BRL")
    powered.join("tower", "attic", "cellar")
    powered.add({("tower", YESTERDAY): Drawn(1000.0, 7200.0)}, used("tower", YESTERDAY, 2000), used("n1", TODAY, 77))
    powered.report("tower", 3600.0)
    powered.report("attic", None)
    powered.report("tower", 3600.0, after=2.0)
    powered.report("attic", None)
    view = told(powered.api)
    assert (view["watts"], view["untold"], view["currency"]) == (3600.0, ["attic"], "BRL")
    assert view["today"]["watt_hours"] == pytest.approx(2.0), "what is not stored yet is told, too"
    assert view["total"] == {
        "watt_hours": pytest.approx(1002.0),
        "measured_seconds": pytest.approx(7202.0),
        "cost": pytest.approx(0.501),
        "output_tokens": 2000,
        "tokens_per_watt_hour": pytest.approx(2000 / 1002),
        "cost_of_a_million": pytest.approx(250.5),
    }
    assert [day["day"] for day in view["days"]] == [YESTERDAY, TODAY]
    assert [(one["machine"], one["watts"]) for one in view["machines"]] == [("tower", 3600.0)]
    assert told(powered.api, first=YESTERDAY, last=YESTERDAY)["total"]["watt_hours"] == 1000.0
    assert told(powered.api, last="2026-12-30")["today"]["watt_hours"] == pytest.approx(2.0)


def test_machine_that_fell_silent_draws_nothing_that_anybody_knows(powered: Powered) -> None:
    powered.join("tower")
    powered.report("tower", 100.0)
    assert metrics(powered.api)['cluster_ai_machine_watts{machine="tower"}'] == 100.0
    powered.steady += 3600.0
    assert told(powered.api)["watts"] is None
    assert metrics(powered.api) == {}


def test_metrics_count_what_no_crash_takes_back(powered: Powered) -> None:
    total = 'cluster_ai_machine_energy_watt_hours_total{machine="tower"}'
    powered.join("tower")
    powered.add({("tower", YESTERDAY): Drawn(1000.0, 7200.0)})
    powered.report("tower", 3600.0)
    powered.report("tower", 3600.0, after=5.0)
    assert metrics(powered.api)[total] == 1000.0
    powered.store()
    assert metrics(powered.api)[total] == pytest.approx(1005.0)


def test_days_that_cannot_be(quiet: Powered) -> None:
    wrong = (
        {"first": "2027-02-30"},
        {"last": "2027-00-01"},
        {"first": "2027-01-02", "last": TODAY},
        {"first": "2026-01-01", "last": "2027-01-02"},
        {"first": "0001-01-01", "last": "9999-12-31"},
        {"first": "yesterday"},
        {"last": "2027-1-1"},
        {"last": ""},
        {"last": "2027-01-01\n"},
        {"last": "\u0662027-01-01"},
    )
    with quiet.api.local() as client:
        for query in wrong:
            answer = client.get(POWER, params=query)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), query
            assert answer.json()["errors"][0]["path"].rpartition(".")[2] in query, query


def test_everybody_who_is_signed_in_may_look(quiet: Powered) -> None:
    quiet.api.served.run(add_user(quiet.api, Role.VIEWER))
    with of(quiet.api, "viewer") as client:
        assert client.get(POWER).status_code == 200
    with quiet.api.client() as client:
        assert client.get(POWER).status_code == 401
