"""Tables of the room. Their statements stand in ``tables`` and ``bucket_tables``."""

import sqlalchemy as sa

metadata = sa.MetaData()
_NUMBER: sa.Double[float] = sa.Double()


def _text(name: str, length: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=False)


definitions = sa.Table(
    "slo_definitions",
    metadata,
    sa.Column("slo_id", sa.String(63), primary_key=True),
    _text("name", 128),
    _text("description", 512),
    _text("slo_type", 16),
    _text("service_name", 128),
    _text("layer", 128),
    sa.Column("target", _NUMBER, nullable=False),
    sa.Column("window_days", sa.Integer, nullable=False),
    _text("budgeting", 16),
    sa.Column("slice_target", _NUMBER, nullable=True),
    sa.Column("sli_query", sa.JSON, nullable=False),
    sa.Column("min_bad_events", sa.Integer, nullable=False),
    sa.Column("alert_windows", sa.JSON, nullable=False),
    sa.Column("thresholds", sa.JSON, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _text("origin", 256),
    sa.Column("created_at", _NUMBER, nullable=False),
    sa.Column("updated_at", _NUMBER, nullable=False),
)
buckets = sa.Table(
    "sli_buckets",
    metadata,
    sa.Column("slo_id", sa.String(63), primary_key=True),
    sa.Column("width_s", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("start_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("good", _NUMBER, nullable=False),
    sa.Column("valid", _NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
cursors = sa.Table(
    "slo_cursors",
    metadata,
    sa.Column("source", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
budgets = sa.Table(
    "error_budgets",
    metadata,
    sa.Column("budget_id", sa.String(36), primary_key=True),
    _text("slo_id", 63),
    sa.Column("calculated_at", _NUMBER, nullable=False),
    sa.Column("sli_value", _NUMBER, nullable=True),
    sa.Column("total", _NUMBER, nullable=False),
    sa.Column("consumed", _NUMBER, nullable=False),
    sa.Column("remaining", _NUMBER, nullable=True),
    _text("status", 16),
    sa.Column("burn_rates", sa.JSON, nullable=False),
    sa.Column("violations", sa.Integer, nullable=False),
    sa.Index("error_budgets_by_time", "slo_id", "calculated_at"),
    sa.Index("error_budgets_by_age", "calculated_at"),
)
policies = sa.Table(
    "freeze_policies",
    metadata,
    sa.Column("policy_id", sa.String(63), primary_key=True),
    _text("name", 128),
    _text("scope", 16),
    _text("target", 128),
    sa.Column("actions", sa.JSON, nullable=False),
    sa.Column("trigger_below", _NUMBER, nullable=False),
    sa.Column("release_above", _NUMBER, nullable=False),
    sa.Column("trigger_pace", sa.String(16), nullable=True),
    sa.Column("min_duration_s", sa.Integer, nullable=False),
    sa.Column("exemptions", sa.JSON, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _text("origin", 256),
    sa.Column("created_at", _NUMBER, nullable=False),
    sa.Column("updated_at", _NUMBER, nullable=False),
)
freezes = sa.Table(
    "freeze_events",
    metadata,
    sa.Column("event_id", sa.String(36), primary_key=True),
    _text("policy_id", 63),
    _text("slo_id", 63),
    sa.Column("policy", sa.JSON, nullable=False),
    sa.Column("triggered_at", _NUMBER, nullable=False),
    sa.Column("resolved_at", _NUMBER, nullable=True),
    sa.Column("active", sa.Boolean, nullable=False),
    _text("reason", 512),
    sa.Column("remaining", _NUMBER, nullable=True),
    _text("resolution", 16),
    _text("resolved_by", 128),
    sa.Column("held_off_until", _NUMBER, nullable=False),
    sa.Index("freeze_events_by_state", "active", "triggered_at"),
    sa.Index("freeze_events_by_policy", "policy_id", "slo_id", "triggered_at"),
    sa.Index(
        "freeze_events_once", "policy_id", "slo_id", unique=True,
        sqlite_where=sa.text("active"), postgresql_where=sa.text("active"),
    ),
)  # fmt: skip
overrides = sa.Table(
    "freeze_overrides",
    metadata,
    sa.Column("override_id", sa.String(36), primary_key=True),
    _text("event_id", 36),
    _text("reason", 512),
    _text("requested_by", 128),
    sa.Column("requested_at", _NUMBER, nullable=False),
    sa.Column("expires_at", _NUMBER, nullable=False),
    _text("approved_by", 128),
    sa.Column("approved_at", _NUMBER, nullable=True),
    sa.Index("freeze_overrides_by_event", "event_id"),
)
receipts = sa.Table(
    "alert_receipts",
    metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("starts_at", _NUMBER, primary_key=True),
    sa.Column("status", sa.String(16), primary_key=True),
    _text("slo_id", 63),
    _text("severity", 32),
    sa.Column("received_at", _NUMBER, nullable=False),
    sa.Column("last_at", _NUMBER, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Index("alert_receipts_by_time", "last_at"),
)
