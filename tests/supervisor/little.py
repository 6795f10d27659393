"""A supervisor over little parts, as its own process: ``python little.py HOME PARTS.json``."""

import asyncio
import json
import os
import sys
from pathlib import Path

from cluster_ai.core.logging import configure
from cluster_ai.core.paths import Home
from cluster_ai.core.processes import PARENT
from cluster_ai.supervisor.crew import Crew, Place, environment
from cluster_ai.supervisor.lock import only_one
from cluster_ai.supervisor.preflight import refuse
from cluster_ai.supervisor.service import Supervisor
from cluster_ai.supervisor.types import PartSpec, Probe, SupervisorSettings


def part(row: dict[str, object]) -> PartSpec:
    """A row of the JSON file: PartSpec's fields, probes as lists of Probe's."""
    probes = tuple(Probe(*probe) for probe in row.pop("probes", []))  # type: ignore[attr-defined]
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return PartSpec(probes=probes, **fields)  # type: ignore[arg-type]


async def main(home: Home, rows: list[dict[str, object]]) -> None:
    home.make()
    specs = tuple(part(row) for row in rows)
    policy = SupervisorSettings(
        stop_seconds=2, crash_limit=3, backoff_seconds=0.05, backoff_cap_seconds=0.2, patience_seconds=3
    )
    env = environment(os.environ, parent=PARENT, code=os.environ["PYTHONPATH"])
    with only_one(home):
        refuse(home, specs)

        def worker(index: int) -> PartSpec:
            return PartSpec(f"worker-{index}", (sys.executable, "-c", "import time; time.sleep(600)"))

        await Supervisor(Crew(specs, worker, most_workers=3), Place(home, "1", env), policy).run()


configure(component="supervisor", level="info")
asyncio.run(main(Home(Path(sys.argv[1])), json.loads(Path(sys.argv[2]).read_text())))
