"""Webhooks: who is told, what they were told, and which messages of others were taken."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("sealed", sa.String(1024), nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("why_disabled", sa.String(16), nullable=False),
        sa.Column("failing_since", SECONDS, nullable=True),
        sa.Column("created_at", SECONDS, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "endpoint_id", sa.String(36), sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", SECONDS, nullable=True),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("ms", sa.BigInteger, nullable=False),
        sa.Column("excerpt", sa.String(1024), nullable=False),
        sa.Column("error", sa.String(512), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("changed_at", SECONDS, nullable=False),
        sa.UniqueConstraint("endpoint_id", "event_id", name="webhook_deliveries_once"),
    )
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["next_at", "changed_at"])
    op.create_index("webhook_deliveries_by_endpoint", "webhook_deliveries", ["endpoint_id", "created_at", "id"])
    op.create_table(
        "webhook_receipts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
    )
    op.create_index("webhook_receipts_by_time", "webhook_receipts", ["at"])


def downgrade() -> None:
    op.drop_table("webhook_receipts")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
