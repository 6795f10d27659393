"""``python -m cluster_ai.node_agent``: the agent of a machine that has joined a cluster, as one process."""

import asyncio
import sys

import structlog
import uvloop

from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.groups import ungrouped
from cluster_ai.core.logging import configure
from cluster_ai.core.processes import tie_to_parent
from cluster_ai.node_agent.serve import run
from cluster_ai.settings import load

log = structlog.get_logger(__name__)


def main() -> int:
    """Serves until SIGTERM. Answers the exit code: 0 after a stop, 1 when it could not start."""
    configure(component="agent")
    try:
        settings = load()
        settings.paths.make()
        configure(component="agent", level=settings.log_level)
        if not settings.agent.has_joined:
            raise Misconfigured("this machine has not joined any cluster", hint="cluster-ai agent join")
        tie_to_parent()
        with ungrouped(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except ClusterError as exc:
        log.critical("cannot go on", code=exc.code, reason=exc.message, hint=exc.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
