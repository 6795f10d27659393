"""What pipelines elsewhere reported of tickets: one word of each, until its ticket goes."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.executors.contract import Reported
from cluster_ai.plans.tables.rows import AT_ONCE
from cluster_ai.plans.tables.schema import pipeline_reports

_SAID = (pipeline_reports.c.succeeded, pipeline_reports.c.detail, pipeline_reports.c.url)


async def report_of(connection: AsyncConnection, ticket_id: str) -> Reported | None:
    query = select(*_SAID).where(pipeline_reports.c.ticket_id == ticket_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Reported.model_validate(dict(row))


async def add_report(connection: AsyncConnection, ticket_id: str, report: Reported, *, now: float) -> None:
    """Of a ticket that is held and has none."""
    await connection.execute(pipeline_reports.insert().values(ticket_id=ticket_id, at=now, **report.model_dump()))


async def forget_failures(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """Of tickets that somebody tries again: a run that failed is over. One that succeeded stays what it is."""
    for some in batches(ids, AT_ONCE):
        failed = pipeline_reports.c.ticket_id.in_(some) & ~pipeline_reports.c.succeeded
        await connection.execute(pipeline_reports.delete().where(failed))
