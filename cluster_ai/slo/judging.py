"""What happened, as objectives see it, and where an objective stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cluster_ai.slo import burn
from cluster_ai.slo.burn import Goal, Tally
from cluster_ai.slo.types import (
    HOUR,
    AlertView,
    Budgeting,
    BudgetView,
    BurnView,
    Measure,
    Objective,
    Pace,
    SloType,
    Source,
)

_CLIENTS_MISTAKE: Final = 400
_OVER_ITS_LIMIT: Final = 429
_SERVERS_MISTAKE: Final = 500


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that ended well or not. ``at`` in Unix seconds, when it ended; ``names``: a model as asked and told.

    ``failed``: the cluster's fault; ``erred``: anybody's. ``times`` in seconds, None where it never came so far.
    """

    source: Source
    at: float
    names: tuple[str, ...] = ()
    node: str = ""
    kind: str = ""
    failed: bool = False
    erred: bool = False
    ttft: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the gateway has answered, as its log tells it. ``at``: when it came in."""

    number: int
    at: float
    model: str
    answered_by: str
    node: str
    outcome: str
    status: int
    ttft_seconds: float | None
    total_seconds: float


def of_call(call: Call) -> Happened | None:
    """What a call counts as; None for one that says nothing about the cluster.

    A client that left, and one that is over its own limits, are nobody's failure and no success.
    """
    if call.outcome == "cancelled" or call.status == _OVER_ITS_LIMIT:
        return None
    failed = call.outcome == "broken" or call.status >= _SERVERS_MISTAKE
    return Happened(
        Source.GATEWAY,
        call.at + call.total_seconds,
        names=(call.model, call.answered_by),
        node=call.node,
        failed=failed,
        erred=failed or call.status >= _CLIENTS_MISTAKE,
        ttft=call.ttft_seconds,
        total=call.total_seconds,
    )


def of_request(*, at: float, route: str, status: int, seconds: float) -> Happened:
    """What a request to the API counts as."""
    return Happened(
        Source.API,
        at,
        kind=route,
        failed=status >= _SERVERS_MISTAKE,
        erred=status >= _CLIENTS_MISTAKE,
        ttft=seconds,
        total=seconds,
    )


def verdict(objective: Objective, happened: Happened) -> bool | None:
    """Whether it was good for that objective; None where it does not count."""
    query = objective.sli_query
    wanted = ((query.model, happened.names), (query.node, (happened.node,)), (query.kind, (happened.kind,)))
    if query.source is not happened.source or any(one and one not in known for one, known in wanted):
        return None
    match objective.slo_type:
        case SloType.AVAILABILITY:
            return not happened.failed
        case SloType.ERROR_RATE:
            return not happened.erred
        case SloType.LATENCY:
            seconds = happened.ttft if query.measure is Measure.TTFT else happened.total
            # What failed took no time that anybody promised.
            if happened.erred or seconds is None or query.threshold_seconds is None:
                return None
            return seconds <= query.threshold_seconds
        case SloType.CUSTOM:
            return None


def stand(slo_id: str, objective: Objective, tallies: Mapping[int, Tally], *, now: float) -> BudgetView:
    """Where an objective stands. ``tallies`` by length of window, with the period among them."""
    goal = Goal(objective.target, objective.period_seconds)
    whole = tallies[objective.period_seconds]
    in_time = objective.budgeting is Budgeting.TIMESLICES
    budget = burn.budget_of_time(whole, goal) if in_time else burn.budget_of(whole, goal)
    remaining = budget.remaining if budget else None
    last_hour = burn.burn_rate(tallies.get(HOUR, Tally()), goal)
    alerts = tuple(_alert(objective, goal, tallies, number) for number in range(len(objective.alerts)))
    return BudgetView(
        slo_id=slo_id,
        service_name=objective.service_name,
        calculated_at=now,
        sli_value=None if whole.error_ratio is None else 1.0 - whole.error_ratio,
        target=objective.target,
        total=budget.total if budget else 0.0,
        consumed=budget.consumed if budget else 0.0,
        remaining=remaining,
        status=burn.status_of(remaining, objective.thresholds),
        pace=_pace(objective, goal, tallies),
        exhausted_in_seconds=None
        if remaining is None
        else burn.exhausted_in(remaining, last_hour, objective.period_seconds),
        burn_rates=tuple(_window(goal, seconds, tally) for seconds, tally in sorted(tallies.items())),
        alerts=alerts,
        violations=sum(one.fires for one in alerts),
    )


def _pace(objective: Objective, goal: Goal, tallies: Mapping[int, Tally]) -> Pace:
    """Of the last hour, when enough went wrong in it to tell."""
    hour = tallies.get(HOUR, Tally())
    return burn.pace_of(burn.burn_rate(hour, goal)) if hour.bad >= objective.min_bad_events else Pace.NORMAL


def _alert(objective: Objective, goal: Goal, tallies: Mapping[int, Tally], number: int) -> AlertView:
    alert = objective.alerts[number]
    long, short = tallies[alert.long_seconds], tallies[alert.short_seconds]
    return AlertView(
        severity=alert.severity,
        factor=burn.factor(alert, goal.period),
        long_seconds=alert.long_seconds,
        short_seconds=alert.short_seconds,
        fires=burn.fires(alert, goal, long=long, short=short, least_bad=objective.min_bad_events),
        can_fire=burn.can_fire(alert, goal),
    )


def _window(goal: Goal, seconds: int, tally: Tally) -> BurnView:
    rate = burn.burn_rate(tally, goal)
    return BurnView(
        window_seconds=seconds,
        good=tally.good,
        valid=tally.valid,
        burn_rate=rate,
        eaten=burn.eaten(rate, seconds, goal.period),
    )
