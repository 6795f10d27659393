"""Whether an objective can be meant so: what the types of its fields alone do not tell. Pure."""

from cluster_ai.core.errors import InvalidInput
from cluster_ai.slo.burn import Goal, can_fire, factor, largest_budget
from cluster_ai.slo.types import HOUR, Budgeting, Objective, SloType, Source
from cluster_ai.slo.windows import MINUTES_KEPT


def check(objective: Objective) -> None:
    """Raises what is wrong with it.

    Raises:
        InvalidInput: with the field.
    """
    query = objective.sli_query
    if (objective.slo_type is SloType.CUSTOM) != (query.source is Source.PROMETHEUS):
        raise InvalidInput("CUSTOM objectives, and only they, are asked of Prometheus", path="sli_query.source")
    if query.source is Source.PROMETHEUS:
        _check_queries(objective)
    if (objective.slo_type is SloType.LATENCY) != (query.threshold_seconds is not None):
        raise InvalidInput("LATENCY objectives, and only they, have a threshold", path="sli_query.threshold_seconds")
    if objective.slo_type is SloType.LATENCY and query.source is Source.NODES:
        raise InvalidInput("a node that is up has no latency", path="sli_query.source")
    if (objective.budgeting is Budgeting.TIMESLICES) != (objective.slice_target is not None):
        raise InvalidInput("Timeslices, and only they, have a slice_target", path="slice_target")
    _check_windows(objective)


def _check_queries(objective: Objective) -> None:
    query = objective.sli_query
    if not query.valid or bool(query.good) == bool(query.bad):
        raise InvalidInput("give valid, and one of good and bad", path="sli_query")
    for name in ("good", "bad", "valid"):
        text = getattr(query, name)
        if text and "$window" not in text:
            hint = 'sum(increase(http_requests_total{code!~"5.."}[$window]))'
            raise InvalidInput("the query does not say $window", path=f"sli_query.{name}", hint=hint)


def _check_windows(objective: Objective) -> None:
    for number, alert in enumerate(objective.alert_windows):
        if alert.long_seconds > objective.period_seconds:
            raise InvalidInput("longer than the objective's period", path=f"alert_windows.{number}.long_seconds")
        if max(alert.long_seconds, alert.short_seconds) >= MINUTES_KEPT and alert.long_seconds % HOUR:
            raise InvalidInput("windows of four days and more are whole hours", path=f"alert_windows.{number}")


def warnings(objective: Objective) -> tuple[str, ...]:
    """Alerts that even total failure would not set off, and what would mend that."""
    goal = Goal(objective.target, objective.period_seconds)
    return tuple(
        f"the {alert.severity} alert over {alert.long_seconds // HOUR} h needs a burn rate of "
        f"{factor(alert, goal.period):.4g}, and total failure burns at {1 / goal.budget:.4g} only: it can never fire; "
        f"a budget below {largest_budget(alert, goal):.3g} would"
        for alert in objective.alerts
        if not can_fire(alert, goal)
    )
