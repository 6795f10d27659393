"""The gateway's request log."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()
TEXTS = {
    "request_id": 64,
    "key_id": 64,
    "caller": 128,
    "model": 300,
    "answered_by": 300,
    "path": 64,
    "code": 64,
    "node": 128,
    "why": 256,
}


def upgrade() -> None:
    op.create_table(
        "gateway_requests",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("at", SECONDS, nullable=False),
        *(sa.Column(name, sa.String(longest), nullable=False) for name, longest in TEXTS.items()),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tried", sa.JSON, nullable=False),
        sa.Column("resumed", sa.Integer, nullable=False),
        sa.Column("queue_seconds", SECONDS, nullable=False),
        sa.Column("load_seconds", SECONDS, nullable=False),
        sa.Column("ttft_seconds", SECONDS, nullable=True),
        sa.Column("total_seconds", SECONDS, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
    )
    op.create_index("gateway_requests_by_id", "gateway_requests", ["request_id"])
    op.create_index("gateway_requests_by_time", "gateway_requests", ["at"])


def downgrade() -> None:
    op.drop_table("gateway_requests")
