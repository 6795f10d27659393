"""Runs a map as a process that a test can kill: ``submit.py PLAN.json SCHEDULER GATEWAY``. Prints the result as JSON."""

import sys
from pathlib import Path

from cluster_ai.compute.jobs import MapPlan, map_prompt

if __name__ == "__main__":
    plan, scheduler, gateway = sys.argv[1:]
    done = map_prompt(
        MapPlan.model_validate_json(Path(plan).read_bytes()),
        scheduler=scheduler,
        gateway=gateway,
        on_progress=lambda done, total, failed: print(done, total, failed, file=sys.stderr, flush=True),
    )
    print(done.model_dump_json())
