"""What pipelines elsewhere reported of tickets; a message of theirs is noted in the same unit of work."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "pipeline_reports",
        sa.Column(
            "ticket_id",
            sa.String(36),
            sa.ForeignKey("execution_tickets.ticket_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        sa.Column("detail", sa.String(1024), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
    )
    # Begun and never ended: whoever sent it was not answered, and may come again.
    receipts = sa.table("webhook_receipts", sa.column("done", sa.Boolean))
    op.execute(receipts.delete().where(~receipts.c.done))
    op.drop_column("webhook_receipts", "done")


def downgrade() -> None:
    op.add_column("webhook_receipts", sa.Column("done", sa.Boolean, nullable=False, server_default=sa.true()))
    op.drop_table("pipeline_reports")
