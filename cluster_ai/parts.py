"""Which processes one box runs: the only place that knows how each is started, where it listens, and who needs whom."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from cluster_ai import __version__, shares
from cluster_ai.core.processes import PARENT, PROCESS
from cluster_ai.settings import MAX_WORKERS, Settings
from cluster_ai.supervisor.crew import Crew, Place, environment
from cluster_ai.supervisor.lock import only_one
from cluster_ai.supervisor.preflight import refuse, refuse_home
from cluster_ai.supervisor.service import WORKER, Supervisor
from cluster_ai.supervisor.types import PartSpec, Probe

CODE: Final = Path(__file__).resolve().parent.parent
"""Where our packages lie, so that parts find them from any working directory."""
GATEWAY: Final = "gateway"
SCHEDULER_FLOOR, WORKER_FLOOR, NODE_FLOOR, GATEWAY_FLOOR, BACKEND_FLOOR = range(5)


def serve_argv(part: str) -> tuple[str, ...]:
    """The command that is one part alone.

    Args:
        part: ``scheduler``, ``worker-N``, ``node``, ``gateway``, ``gateway-N``, ``backend`` or ``agent``.
    """
    # -P: what lies in the folder that somebody stands in must never be run as a part of ours.
    python = (sys.executable, "-P", "-m")
    match part.partition("-"):
        case "gateway", _, _:
            return (*python, "backend.serve", "gateway")
        case "backend", "", "":
            return (*python, "backend.serve", "api")
        case "agent", "", "":
            return (*python, "cluster_ai.node_agent")
        case "worker", "-", index:
            return (*python, "cluster_ai.serve", "worker", index)
        case _:
            return (*python, "cluster_ai.serve", part)


def parts(settings: Settings) -> tuple[PartSpec, ...]:
    """Every part that this configuration starts here, those that others need first. Blocks: it looks at the machine."""
    at = settings.effective_ports
    workers = tuple(worker(settings, index) for index in range(shares.share_here(settings).workers))
    node = _part("node", NODE_FLOOR, Probe(at.node, "/", holds="Ollama is running"), url=f"http://127.0.0.1:{at.node}")
    nodes = (node,) if settings.node.enabled else ()
    if settings.agent.has_joined:
        has_own = settings.agent.engine in {"auto", "embedded"}
        return *workers, *(nodes if has_own else ()), _agent(settings)
    dask = Probe(at.scheduler), Probe(at.dask_dashboard, "/health")
    return (
        _part("scheduler", SCHEDULER_FLOOR, *dask, url=f"http://127.0.0.1:{at.dask_dashboard}/status"),
        *workers,
        *nodes,
        *_gateways(settings),
        _backend(settings),
    )


def _agent(settings: Settings) -> PartSpec:
    """The one door of a machine that has joined a cluster."""
    port, host = settings.effective_ports.agent, settings.agent.bind
    return _part("agent", BACKEND_FLOOR, Probe(port, host=host), url=f"https://{host}:{port}")


def _gateways(settings: Settings) -> tuple[PartSpec, ...]:
    """One process, or several on one socket: whichever is free takes the next connection."""
    count = settings.gateway.processes
    if count == 1:
        return (_gateway(settings, GATEWAY),)
    return tuple(replace(_gateway(settings, f"{GATEWAY}-{index}"), group=GATEWAY) for index in range(count))


def _gateway(settings: Settings, name: str) -> PartSpec:
    port, times = settings.effective_ports.gateway, settings.gateway
    return replace(
        _part(name, GATEWAY_FLOOR, _health(settings, port), url=settings.shown_at(port)),
        env={PROCESS: name},
        listens=(settings.bind, port),
        door=GATEWAY,
        drain_seconds=times.drain_notice_seconds + times.drain_seconds,
    )


def _backend(settings: Settings) -> PartSpec:
    port = settings.effective_ports.backend
    part = _part("backend", BACKEND_FLOOR, _health(settings, port), url=settings.shown_at(port))
    return replace(part, listens=(settings.bind, port))


def _health(settings: Settings, port: int) -> Probe:
    return Probe(port, "/health", host=settings.near)


def worker(settings: Settings, index: int) -> PartSpec:
    """The local Dask worker of that number, from 0."""
    at, agent = settings.effective_ports, settings.agent
    host = (agent.bind if agent.has_joined else settings.machines.bind) or "127.0.0.1"
    probes = Probe(at.worker(index), host=host), Probe(at.nanny(index), host=host)
    if agent.has_joined:
        # While the head is away a worker waits and opens nothing; that it runs is all that there is to want of it.
        return replace(_part(f"{WORKER}{index}", WORKER_FLOOR, *probes), probes=())
    return _part(f"{WORKER}{index}", WORKER_FLOOR, *probes, needs=("scheduler",))


def _part(name: str, floor: int, *probes: Probe, url: str = "", needs: tuple[str, ...] = ()) -> PartSpec:
    """A part listens where it is probed, and nowhere else."""
    ports = tuple(probe.port for probe in probes)
    return PartSpec(name, serve_argv(name), ports, probes, needs=needs, floor=floor, url=url)


async def run_cluster(settings: Settings, env: Mapping[str, str] | None = None) -> None:
    """Starts every part and keeps it up, until SIGTERM or ``Control.stop``; then none is left.

    Raises:
        AlreadyRuns: another supervisor has this data directory.
        NotWritable, NoSpace, PortInUse: nothing was started.
    """
    home, specs = settings.paths, await asyncio.to_thread(parts, settings)
    refuse_home(home)
    with only_one(home):
        refuse(home, specs)
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
