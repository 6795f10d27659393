"""Objectives, budgets and freezes as Prometheus metrics, read at the moment of the scrape."""

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from cluster_ai.core.metrics import Bins
from cluster_ai.slo.service import Service
from cluster_ai.slo.types import DAY, HOUR, BudgetView, FreezeView, Status

STATUSES = (Status.HEALTHY, Status.WARNING, Status.CRITICAL, Status.EXHAUSTED)
SHOWN = (HOUR, 6 * HOUR, DAY)


def metrics_of(service: Service) -> Iterator[Metric]:
    """Everything that the room tells of itself."""
    picture = service.picture
    yield from _budgets(picture.budgets.values())
    yield from _events(service)
    calculations = CounterMetricFamily(
        "sla_calculations", "Evaluations, by the status that they found.", labels=("slo_id", "service_name", "status")
    )
    for (slo_id, status), count in sorted(picture.evaluations.items()):
        view = picture.budgets.get(slo_id)
        if view is not None:
            calculations.add_metric((slo_id, view.service_name, status), count)
    yield calculations
    yield _histogram("sla_calculation_duration_seconds", "How long evaluations of all took.", service.figures.seconds)
    slos = GaugeMetricFamily("sla_slos_total", "Objectives that are switched on.", labels=("slo_type", "enabled"))
    kinds = Counter(one.objective.slo_type.value for one in picture.objectives.values())
    for kind, count in sorted(kinds.items()):
        slos.add_metric((kind, "true"), count)
    yield slos
    violations = CounterMetricFamily("sla_slo_violations", "Budgets that were used up.", labels=("slo_id",))
    for slo_id in picture.objectives:
        violations.add_metric((slo_id,), picture.violations[slo_id])
    yield violations
    yield GaugeMetricFamily("sla_policies_total", "Freeze policies.", value=len(picture.policies))
    yield CounterMetricFamily("sla_policy_evaluations", "Policies looked at.", value=service.figures.policy_evaluations)
    yield from _freezes(service)
    yield from _neighbours(service)


def _budgets(found: Iterable[BudgetView]) -> Iterator[Metric]:
    labels = ("slo_id", "service_name")
    remaining = GaugeMetricFamily("sla_budget_remaining_percent", "Of the budget; may be negative.", labels=labels)
    consumed = GaugeMetricFamily("sla_budget_consumed_percent", "Of the error budget.", labels=labels)
    status = GaugeMetricFamily("sla_budget_status", "0 healthy, 1 warning, 2 critical, 3 exhausted.", labels=labels)
    rate = GaugeMetricFamily("sla_burn_rate", "1 spends the budget exactly.", labels=(*labels, "window_hours"))
    firing = GaugeMetricFamily("sla_burn_alerts_firing", "Rows of alerts that fire.", labels=(*labels, "severity"))
    for view in found:
        row = view.slo_id, view.service_name
        if view.remaining is not None:
            remaining.add_metric(row, view.remaining * 100)
            consumed.add_metric(row, (1 - view.remaining) * 100)
            status.add_metric(row, STATUSES.index(view.status))
        for one in view.burn_rates:
            if one.window_seconds in SHOWN and one.burn_rate is not None:
                rate.add_metric((*row, str(one.window_seconds // HOUR)), one.burn_rate)
        for severity in ("page", "ticket"):
            fires = sum(one.fires for one in view.alerts if one.severity == severity)
            firing.add_metric((*row, severity), fires)
    yield from (remaining, consumed, status, rate, firing)


def _events(service: Service) -> Iterator[Metric]:
    events = CounterMetricFamily(
        "sla_events", "What was counted for an objective since this process began.", labels=("slo_id", "verdict")
    )
    for slo_id, account in sorted(service.measuring.counting.ledger.accounts.items()):
        events.add_metric((slo_id, "good"), account.good)
        events.add_metric((slo_id, "bad"), account.bad)
    yield events


def _freezes(service: Service) -> Iterator[Metric]:
    figures, known = service.figures, service.picture.objectives
    active = GaugeMetricFamily("sla_freezes_active", "Freezes that hold now.", labels=("service_name", "scope"))
    for (name, scope), count in sorted(Counter(_key(one, known) for one in figures.active).items()):
        active.add_metric((name, scope), count)
    yield active
    activated = CounterMetricFamily("sla_freezes_activated", "Freezes that began.", labels=("scope",))
    for scope, count in sorted(figures.activated.items()):
        activated.add_metric((scope,), count)
    yield activated
    resolved = CounterMetricFamily("sla_freezes_resolved", "Freezes that ended, by how.", labels=("how",))
    for how, count in sorted(figures.resolved.items()):
        resolved.add_metric((how,), count)
    yield resolved
    yield _histogram("sla_freeze_duration_seconds", "How long freezes held.", figures.durations)


def _key(one: FreezeView, known: object) -> tuple[str, str]:
    view = known.get(one.slo_id) if isinstance(known, dict) else None
    return (view.objective.service_name if view else one.target, one.scope.value)


def _neighbours(service: Service) -> Iterator[Metric]:
    if (web := service.measuring.promql.web) is not None:
        asked = CounterMetricFamily("sla_prometheus_queries", "Questions to Prometheus.", labels=("status",))
        for status, count in sorted(web.asked.items()):
            asked.add_metric((status,), count)
        yield asked
        yield _histogram("sla_prometheus_query_duration_seconds", "How long they took.", web.seconds)
    received = CounterMetricFamily("sla_alertmanager_webhooks_received", "Alerts that came in.", labels=("status",))
    for status, count in sorted(service.alerts.received.items()):
        received.add_metric((status,), count)
    yield received


def _histogram(name: str, text: str, bins: Bins) -> Metric:
    family = HistogramMetricFamily(name, text)
    family.add_metric([], buckets=bins.cumulative(), sum_value=bins.sum)
    return family
