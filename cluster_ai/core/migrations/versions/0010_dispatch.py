"""Incidents of dispatching, telemetry on its way, and the indexes by which owners take turns."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("incident_id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("detail", sa.String(1024), nullable=False),
        sa.Column("plan_id", sa.String(36), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("repair", sa.String(256), nullable=False),
        sa.Column("opened_at", SECONDS, nullable=False),
        sa.Column("seen_at", SECONDS, nullable=False),
        sa.Column("closed_at", SECONDS, nullable=True),
    )
    _few("incidents_open", "incidents", ["kind", "subject"], "closed_at IS NULL", unique=True)
    op.create_index("incidents_by_time", "incidents", ["opened_at", "incident_id"])
    op.create_index("incidents_by_kind", "incidents", ["kind", "opened_at", "incident_id"])
    op.create_table(
        "telemetry_buffer",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("telemetry_by_time", "telemetry_buffer", ["at", "id"])
    by_score = ["owner", "priority_score DESC", "ready_at", "ticket_id"]
    _few("tickets_queued_by_owner", "execution_tickets", by_score, "queued = 1")
    _few("tickets_queued_of_owner", "execution_tickets", ["owner", "ready_at", "ticket_id"], "queued = 1")
    ended = ["completed_at", "owner", "actual_duration_ms"]
    _few("tickets_by_end", "execution_tickets", ended, "completed_at IS NOT NULL")


def downgrade() -> None:
    for name in ("tickets_by_end", "tickets_queued_of_owner", "tickets_queued_by_owner"):
        op.drop_index(name, "execution_tickets")
    op.drop_table("telemetry_buffer")
    op.drop_table("incidents")


def _few(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """An index of the few rows that are asked for often."""
    fields = [sa.text(column) for column in columns]
    text = sa.text(where)
    op.create_index(name, table, fields, unique=unique, sqlite_where=text, postgresql_where=text)
