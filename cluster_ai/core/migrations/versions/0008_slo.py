"""Objectives, what happened, their budgets, and freezes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER: sa.Double[float] = sa.Double()


def upgrade() -> None:
    _objectives()
    _freezes()
    op.create_table(
        "alert_receipts",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("starts_at", NUMBER, primary_key=True),
        sa.Column("status", sa.String(16), primary_key=True),
        sa.Column("slo_id", sa.String(63), nullable=False),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("received_at", NUMBER, nullable=False),
        sa.Column("last_at", NUMBER, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
    )
    op.create_index("alert_receipts_by_time", "alert_receipts", ["last_at"])


def _objectives() -> None:
    op.create_table(
        "slo_definitions",
        sa.Column("slo_id", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("description", sa.String(512), nullable=False),
        sa.Column("slo_type", sa.String(16), nullable=False),
        sa.Column("service_name", sa.String(128), nullable=False),
        sa.Column("layer", sa.String(128), nullable=False),
        sa.Column("target", NUMBER, nullable=False),
        sa.Column("window_days", sa.Integer, nullable=False),
        sa.Column("budgeting", sa.String(16), nullable=False),
        sa.Column("slice_target", NUMBER, nullable=True),
        sa.Column("sli_query", sa.JSON, nullable=False),
        sa.Column("min_bad_events", sa.Integer, nullable=False),
        sa.Column("alert_windows", sa.JSON, nullable=False),
        sa.Column("thresholds", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("origin", sa.String(256), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
    )
    op.create_table(
        "sli_buckets",
        sa.Column("slo_id", sa.String(63), primary_key=True),
        sa.Column("width_s", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("good", NUMBER, nullable=False),
        sa.Column("valid", NUMBER, nullable=False),
        # Range sums read rows in the key's order: they lie in that order.
        sqlite_with_rowid=False,
    )
    op.create_table(
        "slo_cursors",
        sa.Column("source", sa.String(32), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "error_budgets",
        sa.Column("budget_id", sa.String(36), primary_key=True),
        sa.Column("slo_id", sa.String(63), nullable=False),
        sa.Column("calculated_at", NUMBER, nullable=False),
        sa.Column("sli_value", NUMBER, nullable=True),
        sa.Column("total", NUMBER, nullable=False),
        sa.Column("consumed", NUMBER, nullable=False),
        sa.Column("remaining", NUMBER, nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("burn_rates", sa.JSON, nullable=False),
        sa.Column("violations", sa.Integer, nullable=False),
    )
    op.create_index("error_budgets_by_time", "error_budgets", ["slo_id", "calculated_at"])
    op.create_index("error_budgets_by_age", "error_budgets", ["calculated_at"])


def _freezes() -> None:
    op.create_table(
        "freeze_policies",
        sa.Column("policy_id", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("actions", sa.JSON, nullable=False),
        sa.Column("trigger_below", NUMBER, nullable=False),
        sa.Column("release_above", NUMBER, nullable=False),
        sa.Column("trigger_pace", sa.String(16), nullable=True),
        sa.Column("min_duration_s", sa.Integer, nullable=False),
        sa.Column("exemptions", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("origin", sa.String(256), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
    )
    op.create_table(
        "freeze_events",
        sa.Column("event_id", sa.String(36), primary_key=True),
        sa.Column("policy_id", sa.String(63), nullable=False),
        sa.Column("slo_id", sa.String(63), nullable=False),
        # As the policy was when it began: what is frozen stays so when somebody edits the policy.
        sa.Column("policy", sa.JSON, nullable=False),
        sa.Column("triggered_at", NUMBER, nullable=False),
        sa.Column("resolved_at", NUMBER, nullable=True),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("remaining", NUMBER, nullable=True),
        sa.Column("resolution", sa.String(16), nullable=False),
        sa.Column("resolved_by", sa.String(128), nullable=False),
        sa.Column("held_off_until", NUMBER, nullable=False),
    )
    op.create_index("freeze_events_by_state", "freeze_events", ["active", "triggered_at"])
    op.create_index("freeze_events_by_policy", "freeze_events", ["policy_id", "slo_id", "triggered_at"])
    op.create_index(
        "freeze_events_once",
        "freeze_events",
        ["policy_id", "slo_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "freeze_overrides",
        sa.Column("override_id", sa.String(36), primary_key=True),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("requested_by", sa.String(128), nullable=False),
        sa.Column("requested_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=False),
        sa.Column("approved_by", sa.String(128), nullable=False),
        sa.Column("approved_at", NUMBER, nullable=True),
    )
    op.create_index("freeze_overrides_by_event", "freeze_overrides", ["event_id"])


def downgrade() -> None:
    for table in (
        "alert_receipts",
        "freeze_overrides",
        "freeze_events",
        "freeze_policies",
        "error_budgets",
        "slo_cursors",
        "sli_buckets",
        "slo_definitions",
    ):
        op.drop_table(table)
