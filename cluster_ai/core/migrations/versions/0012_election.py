"""The term of the head that leads: one row."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    table = op.create_table(
        "leader_lease",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("since", SECONDS, nullable=True),
        sa.Column("expires_at", SECONDS, nullable=True),
        sa.Column("seconds", SECONDS, nullable=False),
    )
    # There from the start: whoever comes first only changes it.
    first = {"name": "cluster", "epoch": 0, "holder": "", "since": None, "expires_at": None, "seconds": 0.0}
    op.bulk_insert(table, [first])


def downgrade() -> None:
    op.drop_table("leader_lease")
