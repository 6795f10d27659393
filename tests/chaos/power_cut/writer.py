"""Stores rows through our Database and prints each id once it is acknowledged. Killed by its parent.

``writer.py PATH SYNCHRONOUS WRITERS``: that many tasks write side by side, so that commits are shared.
"""

import asyncio
import itertools
import os
import sys

from sqlalchemy import text

from cluster_ai.core.db import open_database


async def main(path: str, synchronous: str, writers: int) -> None:
    async with open_database(f"sqlite:///{path}", on_fatal=lambda _: os._exit(1), synchronous=synchronous) as database:
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, filling TEXT)"))
        async with database.read() as connection:
            last = (await connection.execute(text("SELECT coalesce(max(id), 0) FROM row"))).scalar_one()
        numbers = itertools.count(last + 1)

        async def write() -> None:
            while True:
                number = next(numbers)
                async with database.transaction() as connection:
                    await connection.execute(
                        text("INSERT INTO row VALUES (:id, :filling)"), {"id": number, "filling": "x" * 200}
                    )
                # Only here is it promised; one write a line, so that no line is ever half.
                os.write(1, f"{number}\n".encode())

        await asyncio.gather(*(write() for _ in range(writers)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
