"""Some parts under the real supervisor: ``python stage.py gateway,backend``, with the home in the environment."""

import asyncio
import os
import sys

from cluster_ai import parts
from cluster_ai.core.logging import configure
from cluster_ai.core.processes import PARENT
from cluster_ai.settings import load
from cluster_ai.supervisor.crew import Crew, Place, environment
from cluster_ai.supervisor.lock import only_one
from cluster_ai.supervisor.preflight import refuse
from cluster_ai.supervisor.service import Supervisor


async def main() -> None:
    settings = load()
    settings.paths.make()
    wanted = sys.argv[1].split(",")
    specs = tuple(part for part in parts.parts(settings) if {part.name, part.group} & set(wanted))
    with only_one(settings.paths):
        refuse(settings.paths, specs)
        env = environment(os.environ, parent=PARENT, code=str(parts.CODE))
        await Supervisor(Crew(specs), Place(settings.paths, "1", env), settings.supervisor).run()


configure(component="supervisor", level="info")
asyncio.run(main())
