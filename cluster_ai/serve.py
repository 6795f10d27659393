"""``python -m cluster_ai.serve scheduler | worker N | node``: one process of the cluster each."""

# ruff: noqa: PLC0415 - each part imports its own needs: the node must not carry Dask in memory, nor the worker llama.cpp

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.logging import configure
from cluster_ai.core.processes import tie_to_parent
from cluster_ai.settings import MAX_WORKERS, Settings, head_files, load

if TYPE_CHECKING:
    from cluster_ai.compute.places import Outward, Post

log = structlog.get_logger(__name__)
USAGE = 2
_WORDS = "usage: python -m cluster_ai.serve scheduler | worker N | node\n"


def main(argv: list[str]) -> int:
    """Serves until SIGTERM. Answers the exit code: 0 after a stop, 1 when it could not start, 2 for wrong usage."""
    chosen = _chosen(argv)
    if chosen is None:
        sys.stderr.write(_WORDS)
        return USAGE
    name, part = chosen
    # Wrong settings are told as everything else is: by a line that the supervisor can read.
    configure(component=name)
    try:
        settings = load()
        settings.paths.make()
        configure(component=name, level=settings.log_level)
        tie_to_parent()
        part(settings)
    except ClusterError as exc:
        log.critical("cannot go on", code=exc.code, reason=exc.message, hint=exc.hint)
        return 1
    return 0


def _chosen(argv: list[str]) -> tuple[str, Callable[[Settings], None]] | None:
    match argv:
        case ["scheduler"]:
            return "scheduler", _scheduler
        case ["node"]:
            return "node", _node
        case ["worker", number] if number.isdecimal() and int(number) < MAX_WORKERS:
            index = int(number)
            return f"worker-{index}", lambda settings: _worker(settings, index)
        case _:
            return None


def _scheduler(settings: Settings) -> None:
    from cluster_ai.compute.places import Seat
    from cluster_ai.compute.scheduler import run
    from cluster_ai.nodes.bundle.identity import environment_id
    from cluster_ai.pki.head import ensure_head

    ports, outward = settings.effective_ports, _outward(settings)
    if outward:
        ensure_head(head_files(settings))
    seat = Seat(
        port=ports.scheduler,
        dashboard_port=ports.dask_dashboard,
        scratch=settings.paths.scratch,
        outward=outward,
        environment=environment_id(),
    )
    run(seat, saturation=settings.compute.worker_saturation)


def _outward(settings: Settings) -> "Outward | None":
    """Where Dask listens for other machines; None when this box is alone, or its LAN is loopback."""
    from cluster_ai.compute.places import LOOPBACK, Outward

    agent, tls = settings.agent, settings.paths.tls
    if agent.has_joined:
        return Outward(agent.bind or LOOPBACK, tls) if agent.scheduler.startswith("tls://") else None
    host = settings.machines.bind
    return Outward(host, tls) if host and host not in {LOOPBACK, "localhost"} else None


def _worker(settings: Settings, index: int) -> None:
    from cluster_ai.compute import staying, worker

    post = _post(settings, index)
    # On the box of the scheduler the supervisor starts both again; elsewhere the head may be away for days.
    (staying if settings.agent.has_joined else worker).run(post)


def _post(settings: Settings, index: int) -> "Post":
    from cluster_ai.compute.places import Post
    from cluster_ai.nodes.bundle.identity import environment_id
    from cluster_ai.shares import share_of_worker

    ports, agent, outward, share = (
        settings.effective_ports,
        settings.agent,
        _outward(settings),
        share_of_worker(settings, index),
    )
    here = f"tls://{outward.host}:{ports.scheduler}" if outward else f"tcp://127.0.0.1:{ports.scheduler}"
    log.info("a worker's share of this machine", threads=share.threads, memory_limit=share.memory)
    return Post(
        name=f"{agent.name}-{index}" if agent.has_joined else f"worker-{index}",
        ports=(ports.worker(index), ports.nanny(index)),
        scheduler=agent.scheduler if agent.has_joined else here,
        scratch=settings.paths.scratch,
        outward=outward,
        threads=share.threads,
        memory_limit=share.memory,
        resources={**share.resources(index), **settings.compute.resources},
        environment=environment_id(),
        api=tuple(str(url).rstrip("/") for url in agent.head) if agent.has_joined else (settings.backend_url,),
        # One for all workers of a machine: what one ticket leaves the next one reads, whichever of them does it.
        tickets=settings.paths.root / "tickets",
    )


def _node(settings: Settings) -> None:
    from cluster_ai.engines.embedded import run

    run(
        settings.node,
        host="127.0.0.1",
        port=settings.effective_ports.node,
        home=settings.paths,
        allowed_hosts=settings.allowed_hosts,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
