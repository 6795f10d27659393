"""Which processes one box runs: the only place that knows how each is started, where it listens, and who needs whom."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cluster_ai import __version__
from cluster_ai.core.processes import PARENT
from cluster_ai.settings import MAX_WORKERS, Settings
from cluster_ai.supervisor.keeper import environment
from cluster_ai.supervisor.lock import only_one
from cluster_ai.supervisor.preflight import refuse, refuse_home
from cluster_ai.supervisor.service import WORKER, Crew, Place, Supervisor
from cluster_ai.supervisor.types import PartSpec, Probe

CODE: Final = Path(__file__).resolve().parent.parent
"""Where our packages lie, so that parts find them from any working directory."""
SCHEDULER_FLOOR, WORKER_FLOOR, NODE_FLOOR, GATEWAY_FLOOR, BACKEND_FLOOR = range(5)


def serve_argv(part: str) -> tuple[str, ...]:
    """The command that is one part alone.

    Args:
        part: ``scheduler``, ``worker-N``, ``node``, ``gateway`` or ``backend``.
    """
    # -P: what lies in the folder that somebody stands in must never be run as a part of ours.
    python = (sys.executable, "-P", "-m")
    match part.partition("-"):
        case "gateway", "", "":
            return (*python, "backend.serve", "gateway")
        case "backend", "", "":
            return (*python, "backend.serve", "api")
        case "worker", "-", index:
            return (*python, "cluster_ai.serve", "worker", index)
        case _:
            return (*python, "cluster_ai.serve", part)


def parts(settings: Settings) -> tuple[PartSpec, ...]:
    """Every part that this configuration starts, those that others need first."""
    workers = tuple(worker(settings, index) for index in range(settings.compute.workers))
    node = (_node(settings),) if settings.node.enabled else ()
    return (_scheduler(settings), *workers, *node, _gateway(settings), _backend(settings))


def worker(settings: Settings, index: int) -> PartSpec:
    """The local Dask worker of that number, from 0."""
    ports = settings.effective_ports
    return PartSpec(
        name=f"{WORKER}{index}",
        argv=serve_argv(f"worker-{index}"),
        ports=(ports.worker(index), ports.nanny(index)),
        probes=(Probe(ports.worker(index)), Probe(ports.nanny(index))),
        needs=("scheduler",),
        floor=WORKER_FLOOR,
    )


async def run_cluster(settings: Settings, env: Mapping[str, str] | None = None) -> None:
    """Starts every part and keeps it up, until SIGTERM or ``Control.stop``; then none is left.

    Raises:
        AlreadyRuns: another supervisor has this data directory.
        NotWritable, NoSpace, PortInUse: nothing was started.
    """
    home, specs = settings.paths, parts(settings)
    refuse_home(home)
    with only_one(home):
        refuse(home, specs, host=settings.bind)
        crew = Crew(specs, worker=lambda index: worker(settings, index), most_workers=MAX_WORKERS)
        inherited = environment(_environment(settings, env), parent=PARENT, code=str(CODE))
        await Supervisor(crew, Place(home, __version__, inherited), settings.supervisor).run()


def run(settings: Settings) -> None:
    """``run_cluster`` in a loop of its own."""
    asyncio.run(run_cluster(settings))


def _environment(settings: Settings, env: Mapping[str, str] | None) -> dict[str, str]:
    """What parts need to come to the same settings as we did."""
    chosen = {"CLUSTER_AI_HOME": str(settings.home)}
    if settings.port_base is not None:
        chosen["CLUSTER_AI_PORT_BASE"] = str(settings.port_base)
    return {**(os.environ if env is None else env), **chosen}


def _scheduler(settings: Settings) -> PartSpec:
    ports = settings.effective_ports
    return PartSpec(
        name="scheduler",
        argv=serve_argv("scheduler"),
        ports=(ports.scheduler, ports.dask_dashboard),
        probes=(Probe(ports.scheduler), Probe(ports.dask_dashboard, "/health")),
        floor=SCHEDULER_FLOOR,
        url=f"http://127.0.0.1:{ports.dask_dashboard}/status",
    )


def _node(settings: Settings) -> PartSpec:
    port = settings.effective_ports.node
    return PartSpec(
        name="node",
        argv=serve_argv("node"),
        ports=(port,),
        probes=(Probe(port, "/", holds="Ollama is running"),),
        floor=NODE_FLOOR,
        url=f"http://127.0.0.1:{port}",
    )


def _gateway(settings: Settings) -> PartSpec:
    port = settings.effective_ports.gateway
    return PartSpec(
        name="gateway",
        argv=serve_argv("gateway"),
        ports=(port,),
        probes=(Probe(port, "/health"),),
        floor=GATEWAY_FLOOR,
        url=f"http://localhost:{port}",
    )


def _backend(settings: Settings) -> PartSpec:
    port = settings.effective_ports.backend
    return PartSpec(
        name="backend",
        argv=serve_argv("backend"),
        ports=(port,),
        probes=(Probe(port, "/health"),),
        floor=BACKEND_FLOOR,
        url=f"http://localhost:{port}",
    )
