"""Models on their way to nodes, and models that stay in a node's memory."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "model_pulls",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("copies", sa.Boolean, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("changed_at", SECONDS, nullable=False),
    )
    op.create_index("model_pulls_by_time", "model_pulls", ["created_at"])
    op.create_table(
        "model_pull_parts",
        sa.Column("pull_id", sa.String(36), sa.ForeignKey("model_pulls.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("node", sa.String(128), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("status", sa.String(256), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("from_node", sa.String(128), nullable=False),
        sa.Column("error", sa.String(1024), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("layers", sa.JSON, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_index("model_pull_parts_by_state", "model_pull_parts", ["state"])
    op.create_table(
        "model_pins",
        sa.Column("model", sa.String(256), primary_key=True),
        sa.Column("node", sa.String(128), primary_key=True),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("model_pins")
    op.drop_table("model_pull_parts")
    op.drop_table("model_pulls")
