"""API keys, and what each of them used."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SECONDS: sa.Double[float] = sa.Double()


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        # Keys end with their owner. None: a key of the machine's own.
        sa.Column("owner_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=True),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.String(256), nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger, nullable=False),
        sa.Column("requests_per_day", sa.BigInteger, nullable=False),
        sa.Column("tokens_per_minute", sa.BigInteger, nullable=False),
        sa.Column("tokens_per_day", sa.BigInteger, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("resume", sa.Boolean, nullable=False),
        sa.Column("hedge", sa.Boolean, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=True),
        sa.Column("revoked_at", SECONDS, nullable=True),
        sa.Column("last_used_at", SECONDS, nullable=True),
        sa.Column("stamp", sa.BigInteger, nullable=False),
    )
    op.create_index("api_keys_by_owner", "api_keys", ["owner_id"])
    op.create_table(
        "usage",
        sa.Column("key_id", sa.String(36), primary_key=True),
        sa.Column("model", sa.String(256), primary_key=True),
        sa.Column("node", sa.String(128), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
    )
    op.create_index("usage_by_day", "usage", ["day"])


def downgrade() -> None:
    for name in ("usage", "api_keys"):
        op.drop_table(name)
