"""An objective as recording and alerting rules, for people who have a Prometheus. Pure.

The rules read ``sla_events_total``, which the backend counts for each objective; those of kind CUSTOM read the queries
that they are made of. Events are summed over each window: a mean of shorter ratios would weigh every five minutes the
same, however few calls they had. What fires here and in our own evaluation fires in the same minute; a test asks
``promtool`` for it.
"""

import math
from typing import Any, Final

from cluster_ai.slo.burn import Goal, can_fire, factor, fires_after
from cluster_ai.slo.types import DAY, HOUR, MINUTE, Budgeting, BurnAlert, Objective, Source
from cluster_ai.slo.yaml_text import write_all

RATIO: Final = "cluster_ai:slo_errors:ratio_rate"
BAD: Final = "cluster_ai:slo_errors:increase"
MINUTE_BAD: Final = "cluster_ai:slo_slice:bad1m"
INTERVAL: Final = "30s"
SLICE: Final = "1m"
"""Minutes are told once each."""
_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"))
_TITLES: Final = {"page": "SLOBurnPage", "ticket": "SLOBurnTicket"}


def rule_files(objectives: dict[str, Objective]) -> str:
    """One file with a group for each objective."""
    return write_all([{"groups": [group(slo_id, one) for slo_id, one in objectives.items()]}])


def group(slo_id: str, objective: Objective) -> dict[str, Any]:
    """Rules of one objective, as Prometheus' files have them."""
    return {
        "name": f"cluster-ai-slo-{slo_id}",
        "interval": INTERVAL if objective.budgeting is Budgeting.OCCURRENCES else SLICE,
        "rules": [*_recorded(slo_id, objective), *_alerting(slo_id, objective), _absent(slo_id, objective)],
    }


def duration(seconds: int) -> str:
    """As Prometheus writes it, in the largest unit that is whole."""
    length, unit = next(row for row in _UNITS if seconds % row[0] == 0)
    return f"{seconds // length}{unit}"


def _recorded(slo_id: str, objective: Objective) -> list[dict[str, Any]]:
    labels = {"slo": slo_id, "service": objective.service_name}
    alerts = objective.alerts
    lengths = {one for alert in alerts for one in (alert.long_seconds, alert.short_seconds)}
    found = []
    if objective.budgeting is not Budgeting.OCCURRENCES:
        found.append({"record": MINUTE_BAD, "expr": _slice(slo_id, objective), "labels": labels})
    found += [
        {
            "record": f"{RATIO}{duration(seconds)}",
            "expr": _error_ratio(slo_id, objective, seconds),
            "labels": labels,
        }
        for seconds in sorted({*lengths, objective.period_seconds})
    ]
    found += [
        {"record": f"{BAD}{duration(seconds)}", "expr": _spent(slo_id, objective, seconds), "labels": labels}
        for seconds in sorted({alert.long_seconds for alert in alerts})
    ]
    goal = Goal(objective.target, objective.period_seconds)
    period = f'{RATIO}{duration(objective.period_seconds)}{{slo="{slo_id}"}}'
    found += [
        {"record": "cluster_ai:slo:objective", "expr": f"vector({objective.target})", "labels": labels},
        {
            "record": "cluster_ai:slo:budget_remaining_ratio",
            "expr": f"1 - {period} / {_number(goal.budget)}",
            "labels": labels,
        },
    ]
    return found


def _alerting(slo_id: str, objective: Objective) -> list[dict[str, Any]]:
    goal = Goal(objective.target, objective.period_seconds)
    found = []
    for severity, title in _TITLES.items():
        alerts = [one for one in objective.alerts if one.severity == severity and can_fire(one, goal)]
        if alerts:
            texts = {
                "summary": f"{objective.name} spends its error budget too fast",
                "description": f"{slo_id}: target {objective.target:g} over {objective.window_days} days",
            }
            found.append(
                {
                    "alert": title,
                    "expr": "\nor\n".join(_burns(slo_id, one, goal, objective.min_bad_events) for one in alerts),
                    "labels": {"severity": severity, "slo": slo_id, "service": objective.service_name},
                    "annotations": texts,
                }
            )
    return found


def _burns(slo_id: str, alert: BurnAlert, goal: Goal, least_bad: int) -> str:
    limit = f"({_number(factor(alert, goal.period))} * {_number(goal.budget)})"
    of = f'{{slo="{slo_id}"}}'
    # Increases are extrapolated: three failures can be told as 2.98.
    return (
        f"({RATIO}{duration(alert.short_seconds)}{of} > {limit}"
        f" and {RATIO}{duration(alert.long_seconds)}{of} > {limit}"
        f" and {BAD}{duration(alert.long_seconds)}{of} > {least_bad - 0.5})"
    )


def _absent(slo_id: str, objective: Objective) -> dict[str, Any]:
    """Says that nobody counts any more, as late as the strictest alert would say that all fails."""
    goal = Goal(objective.target, objective.period_seconds)
    waits = [fires_after(one, goal, 1.0) for one in objective.alerts]
    shortest = min((one for one in waits if one is not None), default=10.0 * MINUTE)
    minutes = max(1, math.ceil(shortest / MINUTE))
    return {
        "alert": "SLOAbsent",
        "expr": f"absent({_counted(slo_id, objective)})",
        "for": f"{minutes}m",
        "labels": {"severity": "ticket", "slo": slo_id, "service": objective.service_name},
        "annotations": {"summary": f"nothing is counted for {objective.name}"},
    }


def _counted(slo_id: str, objective: Objective) -> str:
    query = objective.sli_query
    if query.source is Source.PROMETHEUS:
        return query.valid.replace("$window", "5m")
    return f'sum(sla_events_total{{slo_id="{slo_id}"}})'


def _error_ratio(slo_id: str, objective: Objective, seconds: int) -> str:
    window = duration(seconds)
    if objective.budgeting is Budgeting.OCCURRENCES:
        return f"{_bad(slo_id, objective, window)}\n/\n{_valid(slo_id, objective, window)}"
    return f"avg_over_time({_slices(slo_id, seconds)})"


def _spent(slo_id: str, objective: Objective, seconds: int) -> str:
    """What counts against the budget: bad events, or minutes."""
    window = duration(seconds)
    if objective.budgeting is Budgeting.OCCURRENCES:
        return _bad(slo_id, objective, window)
    return f"sum_over_time({_slices(slo_id, seconds)})"


def _slices(slo_id: str, seconds: int) -> str:
    """The minutes of a window. A range takes in both of its ends: half a minute less leaves out the one before."""
    return f'{MINUTE_BAD}{{slo="{slo_id}"}}[{seconds - 30}s]'


def _slice(slo_id: str, objective: Objective) -> str:
    """How bad a minute was, from 0 to 1."""
    ratio = _minute(slo_id, objective)
    if objective.budgeting is Budgeting.TIMESLICES:
        return f"(1 - {ratio}) < bool {_number(objective.slice_target or 0)}"
    return ratio


def _minute(slo_id: str, objective: Objective) -> str:
    """The error ratio of a minute; no value, instead of NaN, where nothing happened."""
    valid = _valid(slo_id, objective, "1m")
    return f"({_bad(slo_id, objective, '1m')} / ({valid} > 0))"


def _bad(slo_id: str, objective: Objective, window: str) -> str:
    query = objective.sli_query
    if query.source is not Source.PROMETHEUS:
        return f'sum(increase(sla_events_total{{slo_id="{slo_id}",verdict="bad"}}[{window}]))'
    if query.bad:
        return f"({query.bad.replace('$window', window)})"
    return f"(({query.valid.replace('$window', window)}) - ({query.good.replace('$window', window)}))"


def _valid(slo_id: str, objective: Objective, window: str) -> str:
    query = objective.sli_query
    if query.source is not Source.PROMETHEUS:
        return f'sum(increase(sla_events_total{{slo_id="{slo_id}"}}[{window}]))'
    return f"({query.valid.replace('$window', window)})"


def _number(value: float) -> str:
    return f"{value:.12g}"
