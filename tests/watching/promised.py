"""Metrics that rules and dashboards use and no process tells yet. Empty it: each line names who will tell it.

A test fails when a metric is used that is neither told nor promised, and when one that is told is still promised.
"""

from typing import Final

PROMISED: Final = {
    # plans and dispatch
    "cluster_ai_flow_duration_seconds": "dispatch",
    "cluster_ai_flow_steps_duration_seconds": "dispatch",
    "cluster_ai_flow_success_total": "dispatch",
    "cluster_ai_flow_failures_total": "dispatch: reason, among them schedule_to_start_timeout",
    "cluster_ai_flow_sla_violations_total": "dispatch",
    "cluster_ai_flow_telemetry_buffer_size": "dispatch",
    "cluster_ai_flow_telemetry_published_total": "dispatch",
    "tickets_consumed_total": "dispatch: tickets given to workers",
    "tickets_persisted_total": "dispatch: tickets that were stored",
    "tickets_by_status": "dispatch: status",
    "tickets_processing_errors_total": "dispatch",
    # objectives
    "sla_slos_total": "slo",
    "sla_policies_total": "slo: told also when there are none",
    "sla_budget_status": "slo: 0 healthy to 3 exhausted",
    "sla_budget_remaining_percent": "slo",
    "sla_burn_rate": "slo: window_hours=1, 6, 24",
    "sla_calculation_duration_seconds": "slo",
    "sla_calculations_total": "slo",
    "sla_freezes_active": "slo",
    "sla_freezes_activated_total": "slo",
    # webhooks, and events by way of Redis
    "cluster_ai_bus_up": "notify: told where Redis is configured",
    "cluster_ai_bus_buffered": "notify",
    "webhooks_sent_total": "notify",
    "webhooks_failed_total": "notify",
    "webhook_queue_size": "notify",
    # day-2 operations
    "cluster_ai_backup_last_success_timestamp_seconds": "ops: backups",
}

PROMISED_VERBS: Final = {"ticket": "plans", "slo": "slo"}
