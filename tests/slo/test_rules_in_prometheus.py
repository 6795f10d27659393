"""The rules that we write, in the real ``promtool``: they are valid, and fire in the minute in which ours fire."""

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster_ai.slo.burn import Tally
from cluster_ai.slo.judging import stand
from cluster_ai.slo.rules import rule_files
from cluster_ai.slo.types import DAY, HOUR, MINUTE, Budgeting, BurnAlert, Objective, SliQuery, SloType, Source
from cluster_ai.slo.windows import windows_of

pytestmark = pytest.mark.real


def promtool(*words: str, folder: Path) -> str:
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


OBJECTIVES = {
    "chat": Objective(name="Chat", target=0.99),
    "chat-time": Objective(
        name="Chat is quick",
        target=0.95,
        slo_type=SloType.LATENCY,
        budgeting=Budgeting.TIMESLICES,
        slice_target=0.9,
        sli_query=SliQuery(threshold_seconds=2.5),
    ),
    "mean": Objective(name="Mean", target=0.99, budgeting=Budgeting.RATIO_TIMESLICES, window_days=7),
    "never": Objective(name="Cannot page", target=0.9),
    "shop": Objective(
        name="Shop",
        target=0.995,
        slo_type=SloType.CUSTOM,
        sli_query=SliQuery(
            source=Source.PROMETHEUS,
            good='sum(increase(http_requests_total{code!~"5.."}[$window]))',
            valid="sum(increase(http_requests_total[$window]))",
        ),
    ),
    "shop-bad": Objective(
        name="Shop",
        target=0.995,
        slo_type=SloType.CUSTOM,
        sli_query=SliQuery(
            source=Source.PROMETHEUS,
            bad='sum(increase(http_requests_total{code=~"5.."}[$window]))',
            valid="sum(increase(http_requests_total[$window]))",
        ),
    ),
}


def test_rules_of_every_kind_are_valid(tmp_path: Path) -> None:
    (tmp_path / "slo.yml").write_text(rule_files(OBJECTIVES), encoding="utf-8")
    assert "rules found" in promtool("check", "rules", "slo.yml", folder=tmp_path)


def test_an_alert_that_can_never_fire_is_no_rule() -> None:
    alerts = [
        (rule["labels"]["slo"], rule["labels"]["severity"], rule["expr"])
        for group in yaml.safe_load(rule_files(OBJECTIVES))["groups"]
        for rule in group["rules"]
        if rule.get("alert", "").startswith("SLOBurn")
    ]
    pages = dict.fromkeys((slo, expr) for slo, severity, expr in alerts if severity == "page")
    assert all("rate1h" not in expr for slo, expr in pages if slo == "never")
    assert any("rate1h" in expr for slo, expr in pages if slo == "chat")


# -- the same series into both


def story(seed: int, minutes: int) -> list[tuple[int, int]]:
    """Good and bad events of each minute: quiet, outages, recoveries, and minutes in which nothing happens."""
    rng, found, bad_share = random.Random(seed), [], 0.0
    for minute in range(minutes):
        if minute % 45 == 0:
            bad_share = rng.choice((0.0, 0.0, 0.02, 0.1, 0.3, 1.0))
        count = rng.choice((0, 1, 2, 20, 50))
        bad = sum(rng.random() < bad_share for _ in range(count))
        found.append((count - bad, bad))
    return found


def ours(objective: Objective, told: list[tuple[int, int]], minute: int) -> set[str]:
    """Severities that our own evaluation lets fire at the end of so many minutes."""
    found = {}
    for seconds in windows_of(objective):
        rows = told[max(0, minute - seconds // MINUTE) : minute]
        if objective.budgeting is Budgeting.TIMESLICES:
            assert objective.slice_target
            verdicts = [good >= objective.slice_target * (good + bad) for good, bad in rows if good + bad]
            found[seconds] = Tally(sum(verdicts), len(verdicts))
        else:
            found[seconds] = Tally(sum(row[0] for row in rows), sum(map(sum, rows)))
    view = stand("x", objective, found, now=0)
    return {one.severity for one in view.alerts if one.fires}


def unit_test(slo_id: str, objective: Objective, told: list[tuple[int, int]]) -> dict[str, Any]:
    """A file of ``promtool test rules`` that expects, for every minute, what we say."""
    sums = {"good": [0], "bad": [0]}
    for good, bad in told:
        sums["good"].append(sums["good"][-1] + good)
        sums["bad"].append(sums["bad"][-1] + bad)
    series = [
        {"series": f'sla_events_total{{slo_id="{slo_id}",verdict="{verdict}"}}', "values": " ".join(map(str, values))}
        for verdict, values in sums.items()
    ]
    expected = []
    for minute in range(1, len(told) + 1):
        fired = ours(objective, told, minute)
        for severity, title in (("page", "SLOBurnPage"), ("ticket", "SLOBurnTicket")):
            labels = {"severity": severity, "slo": slo_id, "service": "gateway"}
            alerts = [{"exp_labels": labels, "exp_annotations": annotations(slo_id, objective)}]
            row = {"eval_time": f"{minute}m", "alertname": title, "exp_alerts": alerts if severity in fired else []}
            expected.append(row)
    return {
        "rule_files": ["slo.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": expected}],
    }


def annotations(slo_id: str, objective: Objective) -> dict[str, str]:
    return {
        "summary": f"{objective.name} spends its error budget too fast",
        "description": f"{slo_id}: target {objective.target:g} over {objective.window_days} days",
    }


SHORT = (
    BurnAlert(severity="page", budget=0.02, long_seconds=HOUR, short_seconds=5 * MINUTE),
    BurnAlert(severity="page", budget=0.05, long_seconds=2 * HOUR, short_seconds=30 * MINUTE),
    BurnAlert(severity="ticket", budget=0.05, long_seconds=4 * HOUR, short_seconds=HOUR),
)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "objective",
    [
        Objective(name="Events", target=0.99, window_days=7, alert_windows=SHORT),
        Objective(name="Fewer", target=0.95, window_days=1, alert_windows=SHORT, min_bad_events=25),
        Objective(
            name="Minutes", target=0.95, window_days=7, alert_windows=SHORT,
            budgeting=Budgeting.TIMESLICES, slice_target=0.9,
        ),
    ],
    ids=lambda one: one.name,
)  # fmt: skip
def test_rules_fire_in_the_minute_in_which_our_own_evaluation_does(
    objective: Objective, seed: int, tmp_path: Path
) -> None:
    told = story(seed, 9 * 60)
    (tmp_path / "slo.yml").write_text(rule_files({"x": objective}), encoding="utf-8")
    (tmp_path / "test.yml").write_text(yaml.safe_dump(unit_test("x", objective, told)), encoding="utf-8")
    fired = [ours(objective, told, minute) for minute in range(1, len(told) + 1)]
    assert {"page"} <= set().union(*fired), "the story has something to fire for"
    assert set() in fired, "... and ends of it"
    assert "SUCCESS" in promtool("test", "rules", "test.yml", folder=tmp_path)


def test_who_counts_nothing_any_more_is_told(tmp_path: Path) -> None:
    objective = Objective(name="x", target=0.99)
    (tmp_path / "slo.yml").write_text(rule_files({"x": objective}), encoding="utf-8")
    # 14.4 * 0.01 of an hour: nine minutes, rounded up.
    expected = [{"exp_labels": {"severity": "ticket", "slo": "x", "service": "gateway"},
                 "exp_annotations": {"summary": "nothing is counted for x"}}]  # fmt: skip
    rows = [
        {"eval_time": "8m", "alertname": "SLOAbsent", "exp_alerts": []},
        {"eval_time": "9m", "alertname": "SLOAbsent", "exp_alerts": expected},
    ]
    whole = {
        "rule_files": ["slo.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": [], "alert_rule_test": rows}],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", "test.yml", folder=tmp_path)


def test_thirty_days_of_one_hour_windows() -> None:
    names = [
        rule.get("record", "")
        for rule in yaml.safe_load(rule_files({"chat": OBJECTIVES["chat"]}))["groups"][0]["rules"]
    ]
    ratios = [name.removeprefix("cluster_ai:slo_errors:ratio_rate") for name in names if "ratio_rate" in name]
    assert ratios == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]
    assert DAY % HOUR == 0
