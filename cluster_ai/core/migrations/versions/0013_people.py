"""People beside the admin: who is disabled, when they were last seen, and where sessions came from."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.add_column("users", sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("seen_at", SECONDS, nullable=True))
    op.add_column("sessions", sa.Column("address", sa.String(64), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("agent", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("sessions", "agent")
    op.drop_column("sessions", "address")
    op.drop_column("users", "seen_at")
    op.drop_column("users", "disabled")
