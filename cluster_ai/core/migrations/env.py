"""Run by Alembic. The connection, with its transaction and lock, comes from ``cluster_ai.core.migrate``."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    # SQLite can undo DDL, too, once the driver lets it: a kill in the middle leaves the old version whole.
    transactional_ddl=True,
)
context.run_migrations()
