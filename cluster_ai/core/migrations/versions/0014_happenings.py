"""What happened in the cluster, kept."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "happenings",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("before", sa.String(500), nullable=False),
        sa.Column("after", sa.String(500), nullable=False),
    )
    op.create_index("happenings_by_kind", "happenings", ["kind", "number"])
    op.create_index("happenings_by_time", "happenings", ["at"])


def downgrade() -> None:
    op.drop_table("happenings")
