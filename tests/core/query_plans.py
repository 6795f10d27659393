"""How a database means to answer a query: whether it would read a whole table for it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


async def scans(connection: AsyncConnection, statement: sa.Executable) -> list[str]:
    """The lines of the plan that read or sort everything."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        # Tables of a test are so small that reading them whole would be right.
        await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
    compiled: Any = statement
    text = str(compiled.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    # The driver of PostgreSQL takes a lone sign for a parameter.
    text = text.replace("%%", "%") if is_sqlite else text.replace("%%", "%").replace("%", "%%")
    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    rows = await connection.exec_driver_sql(explain + text)
    lines = [str(row[-1]) for row in rows]
    return [line for line in lines if _reads_all(line)]


def _reads_all(line: str) -> bool:
    """SQLite says SCAN also of a walk along an index, which ends at the limit."""
    if line.startswith("SCAN") and "INDEX" not in line and "CONSTANT ROW" not in line:
        return not line.startswith(("SCAN (", "SCAN anon"))
    return "Seq Scan" in line or "USE TEMP B-TREE FOR ORDER BY" in line
