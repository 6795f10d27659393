"""Plans, their tickets, what happened to them, and the outbox of every room's events."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _events()
    _plans()
    _tickets()
    _histories()


def downgrade() -> None:
    for table in (
        "paused_kinds",
        "ticket_events",
        "ticket_attempts",
        "ticket_deps",
        "execution_tickets",
        "plans",
        "events",
    ):
        op.drop_table(table)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    """An index of the few rows that are asked for often."""
    fields = [sa.text(column) for column in columns]
    op.create_index(name, table, fields, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("published_at", SECONDS, nullable=True),
    )
    _partial("events_unpublished", "events", ["number"], "published_at IS NULL")
    op.create_index("events_by_publication", "events", ["published_at", "number"])


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("plan_id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("failure_policy", sa.String(16), nullable=False),
        sa.Column("deadline", SECONDS, nullable=True),
        sa.Column("steps", sa.JSON, nullable=False),
        sa.Column("tickets", sa.Integer, nullable=False),
        sa.Column("open_tickets", sa.Integer, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("error_code", sa.String(64), nullable=False),
        sa.Column("error_message", sa.String(1024), nullable=False),
        sa.Column("idempotency_key", sa.String(128), nullable=True),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("replay_of", sa.String(36), nullable=True),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("trace_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("updated_at", SECONDS, nullable=False),
        sa.Column("started_at", SECONDS, nullable=True),
        sa.Column("finished_at", SECONDS, nullable=True),
        sa.UniqueConstraint("owner", "idempotency_key", name="plans_once"),
    )
    op.create_index("plans_by_owner", "plans", ["owner", "plan_id"])
    op.create_index("plans_by_status", "plans", ["status", "plan_id"])
    _partial("plans_by_deadline", "plans", ["deadline"], "deadline IS NOT NULL AND finished_at IS NULL")
    _partial("plans_by_end", "plans", ["finished_at"], "finished_at IS NOT NULL")
    _partial("plans_by_key", "plans", ["created_at"], "idempotency_key IS NOT NULL")


def _tickets() -> None:
    op.create_table("execution_tickets", *_asked(), *_standing(), *_checks())
    op.create_index("tickets_by_plan", "execution_tickets", ["plan_id", "ordinal"], unique=True)
    for name in ("owner", "status", "task_type", "intent_id", "priority"):
        op.create_index(f"tickets_by_{name}", "execution_tickets", [name, "ticket_id"])
    op.create_index("tickets_by_level", "execution_tickets", ["plan_id", "status", "level"])
    by_score = ["priority_score DESC", "ready_at", "ticket_id"]
    _partial("tickets_queued_by_score", "execution_tickets", by_score, "queued = 1")
    _partial("tickets_queued_by_age", "execution_tickets", ["ready_at", "ticket_id"], "queued = 1")
    _partial("tickets_due", "execution_tickets", ["due_at"], "due_at IS NOT NULL")
    _partial("tickets_leased", "execution_tickets", ["lease_until"], "lease_until IS NOT NULL")


def _asked() -> list[sa.Column[object]]:
    """What was asked for."""
    return [
        sa.Column("ticket_id", sa.String(36), primary_key=True),
        sa.Column("plan_id", sa.String(36), sa.ForeignKey("plans.plan_id", ondelete="CASCADE"), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("intent_id", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("trace_id", sa.String(64), nullable=False),
        sa.Column("span_id", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(128), nullable=False),
        sa.Column("task_type", sa.String(16), nullable=False),
        sa.Column("description", sa.String(1024), nullable=False),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("risk_band", sa.String(16), nullable=False),
        sa.Column("security_level", sa.String(16), nullable=False),
        sa.Column("priority_score", SECONDS, nullable=False),
        sa.Column("sla_deadline", SECONDS, nullable=False),
        sa.Column("sla_timeout_ms", sa.BigInteger, nullable=False),
        sa.Column("sla_max_retries", sa.Integer, nullable=False),
        sa.Column("start_within_ms", sa.BigInteger, nullable=True),
        sa.Column("non_retryable", sa.JSON, nullable=False),
        sa.Column("qos_delivery_mode", sa.String(16), nullable=False),
        sa.Column("qos_consistency", sa.String(16), nullable=False),
        sa.Column("qos_durability", sa.String(16), nullable=False),
        sa.Column("template_id", sa.String(128), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("required_capabilities", sa.JSON, nullable=False),
        sa.Column("resources", sa.JSON, nullable=False),
        sa.Column("webhook_url", sa.String(2048), nullable=False),
        sa.Column("estimated_duration_ms", sa.BigInteger, nullable=True),
        sa.Column("compensation", sa.JSON, nullable=True),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("preemptible", sa.Boolean, nullable=False),
        sa.Column("idempotent", sa.Boolean, nullable=False),
        sa.Column("undoable", sa.Boolean, nullable=False),
        sa.Column("idempotency_key", sa.String(128), nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    ]


def _standing() -> list[sa.Column[object]]:
    """How it stands."""
    return [
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("pending_deps", sa.Integer, nullable=False),
        sa.Column("allocated_agent_id", sa.String(128), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("retry_count", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("lease_token", sa.String(64), nullable=True),
        sa.Column("lease_until", SECONDS, nullable=True),
        sa.Column("begun", sa.Boolean, nullable=False),
        sa.Column("begun_at", SECONDS, nullable=True),
        sa.Column("not_before", SECONDS, nullable=True),
        sa.Column("due_at", SECONDS, nullable=True),
        sa.Column("queued", sa.SmallInteger, nullable=True),
        sa.Column("parked", sa.Boolean, nullable=False),
        sa.Column("ready_at", SECONDS, nullable=True),
        sa.Column("held_from", sa.String(16), nullable=True),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("cancel_by", SECONDS, nullable=True),
        sa.Column("progress", SECONDS, nullable=False),
        sa.Column("note", sa.String(256), nullable=False),
        sa.Column("error_code", sa.String(64), nullable=False),
        sa.Column("error_message", sa.String(1024), nullable=False),
        sa.Column("actual_duration_ms", sa.BigInteger, nullable=True),
        sa.Column("result", sa.JSON, nullable=True),
        sa.Column("result_uri", sa.String(512), nullable=False),
        sa.Column("result_sha256", sa.String(64), nullable=False),
        sa.Column("result_bytes", sa.BigInteger, nullable=False),
        sa.Column("artefacts", sa.JSON, nullable=False),
        sa.Column("chain_seq", sa.Integer, nullable=False),
        sa.Column("chain_head", sa.String(64), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("updated_at", SECONDS, nullable=False),
        sa.Column("started_at", SECONDS, nullable=True),
        sa.Column("completed_at", SECONDS, nullable=True),
    ]


_STATES = (
    "pending waiting ready leased running succeeded failed retrying cancelling cancelled skipped compensating"
    " compensated dead frozen"
)


def _checks() -> list[sa.CheckConstraint]:
    states = ", ".join(f"'{state}'" for state in _STATES.split())
    return [
        sa.CheckConstraint(f"status IN ({states})", name="tickets_status"),
        sa.CheckConstraint("retry_count >= 0", name="tickets_retries"),
        sa.CheckConstraint("pending_deps >= 0", name="tickets_pending"),
    ]


def _of_a_ticket() -> sa.ForeignKey:
    return sa.ForeignKey("execution_tickets.ticket_id", ondelete="CASCADE")


def _histories() -> None:
    op.create_table(
        "ticket_deps",
        sa.Column("ticket_id", sa.String(36), _of_a_ticket(), primary_key=True),
        sa.Column("depends_on", sa.String(36), primary_key=True),
    )
    op.create_index("ticket_deps_by_upstream", "ticket_deps", ["depends_on", "ticket_id"])
    op.create_table(
        "ticket_attempts",
        sa.Column("ticket_id", sa.String(36), _of_a_ticket(), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("agent_id", sa.String(128), nullable=False),
        sa.Column("undoes", sa.Boolean, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("leased_at", SECONDS, nullable=False),
        sa.Column("started_at", SECONDS, nullable=True),
        sa.Column("ended_at", SECONDS, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("error_code", sa.String(64), nullable=False),
        sa.Column("error", sa.String(1024), nullable=False),
        sa.Column("cost_class", sa.String(8), nullable=False),
    )
    op.create_table(
        "ticket_events",
        sa.Column("ticket_id", sa.String(36), _of_a_ticket(), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("from_state", sa.String(16), nullable=False),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "paused_kinds",
        sa.Column("task_type", sa.String(16), primary_key=True),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
    )
