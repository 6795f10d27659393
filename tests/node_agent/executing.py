"""An agent that runs one command and tells what it says: ``executing.py FOLDER COMMAND...``."""

import asyncio
import sys
from pathlib import Path

from cluster_ai.core.logging import configure
from cluster_ai.node_agent.api.commands import Commands
from tests.node_agent.calling import calling, rooms


async def main(folder: Path, argv: list[str]) -> None:
    commands = Commands(allowed=True, folder=folder)
    async with (
        calling(folder, rooms(execute=commands)) as caller,
        caller.open("POST", "/-/exec", {"argv": argv}) as told,
    ):
        async for line in told.content:
            print(line.decode(), end="", flush=True)


if __name__ == "__main__":
    configure(component="agent")
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
