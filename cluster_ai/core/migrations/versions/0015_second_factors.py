"""The second factor of people's sign-ins, and the codes that stand in for it once."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def _user() -> sa.Column[str]:
    return sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)


def upgrade() -> None:
    op.create_table(
        "second_factors",
        _user(),
        sa.Column("sealed", sa.String(256), nullable=False),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("begun_at", SECONDS, nullable=False),
    )
    op.create_table("recovery_codes", _user(), sa.Column("digest", sa.String(64), primary_key=True))


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
