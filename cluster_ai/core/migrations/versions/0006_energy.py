"""Energy that machines drew, by day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "machine_energy",
        sa.Column("machine", sa.String(63), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("watt_hours", NUMBER, nullable=False),
        sa.Column("measured_seconds", NUMBER, nullable=False),
    )
    op.create_index("machine_energy_by_day", "machine_energy", ["day"])


def downgrade() -> None:
    op.drop_table("machine_energy")
