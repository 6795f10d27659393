"""Whether tables that code declares are those that the migrations made."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, create_engine

from cluster_ai.core.db import driver_url


def differences(url: str, metadata: MetaData) -> list[Any]:
    """What a migration would have to change in the database for these tables; those of other rooms do not count."""
    known = set(metadata.tables)

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in known

    engine = create_engine(url if url.startswith("sqlite") else driver_url(url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()
