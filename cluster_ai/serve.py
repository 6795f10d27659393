"""``python -m cluster_ai.serve scheduler | worker N | node``: one process of the cluster each."""

# ruff: noqa: PLC0415 - each part imports its own needs: the node must not carry Dask in memory, nor the worker llama.cpp

import sys
from collections.abc import Callable

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.logging import configure
from cluster_ai.core.processes import tie_to_parent
from cluster_ai.settings import MAX_WORKERS, Settings, load

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
    from cluster_ai.compute.scheduler import run

    ports = settings.effective_ports
    run(
        host="127.0.0.1",
        port=ports.scheduler,
        dashboard_port=ports.dask_dashboard,
        scratch=settings.paths.scratch,
        saturation=settings.compute.worker_saturation,
    )


def _worker(settings: Settings, index: int) -> None:
    from cluster_ai.compute.worker import run

    ports = settings.effective_ports
    run(
        settings.compute,
        index=index,
        ports=(ports.worker(index), ports.nanny(index)),
        scheduler=f"tcp://127.0.0.1:{ports.scheduler}",
        scratch=settings.paths.scratch,
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
