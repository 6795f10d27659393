"""Machines of the LAN: who has joined, by which line, and whose certificate counts no more."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "machines",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(63), nullable=False, unique=True),
        sa.Column("machine_id", sa.String(256), nullable=False),
        sa.Column("joined_at", SECONDS, nullable=False),
        sa.Column("joined_by", sa.String(128), nullable=False),
        sa.Column("cordoned", sa.Boolean, nullable=False),
        sa.Column("draining", sa.Boolean, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("addresses", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("inventory", sa.Text, nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("certificate_until", SECONDS, nullable=False),
        sa.Column("seen_at", SECONDS, nullable=False),
    )
    op.create_table(
        "join_tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("made_at", SECONDS, nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("used_at", SECONDS, nullable=True),
        sa.Column("used_by", sa.String(63), nullable=False),
        sa.Column("revoked_at", SECONDS, nullable=True),
    )
    op.create_table(
        "machine_certificates",
        sa.Column("serial", sa.String(40), primary_key=True),
        sa.Column("machine_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.Column("revoked_at", SECONDS, nullable=True),
    )
    op.create_index("machine_certificates_by_machine", "machine_certificates", ["machine_id"])
    op.create_table(
        "machine_orders",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("machine_id", sa.String(36), nullable=False),
        sa.Column("verb", sa.String(16), nullable=False),
        sa.Column("argument", sa.String(256), nullable=False),
        sa.Column("given_at", SECONDS, nullable=False),
        sa.Column("given_by", sa.String(128), nullable=False),
        sa.Column("done_at", SECONDS, nullable=True),
        sa.Column("error", sa.String(512), nullable=False),
    )
    op.create_index("machine_orders_by_machine", "machine_orders", ["machine_id"])


def downgrade() -> None:
    for table in ("machine_orders", "machine_certificates", "join_tokens", "machines"):
        op.drop_table(table)
