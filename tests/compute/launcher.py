"""Starts one part as the cluster does: ``launcher.py scheduler PORT DASHBOARD DIR`` or ``worker I WPORT NPORT SCHED DIR``."""

import sys
from pathlib import Path

from cluster_ai.compute import scheduler, worker
from cluster_ai.compute.types import ComputeSettings
from cluster_ai.core import logging


def main(kind: str, *words: str) -> None:
    logging.configure(component=kind)
    if kind == "scheduler":
        port, dashboard, scratch = words
        scheduler.run(host="127.0.0.1", port=int(port), dashboard_port=int(dashboard), scratch=Path(scratch))
    else:
        index, first, second, address, scratch, threads = words
        settings = ComputeSettings(threads=int(threads))
        ports = (int(first), int(second))
        worker.run(settings, index=int(index), ports=ports, scheduler=address, scratch=Path(scratch))


if __name__ == "__main__":
    main(*sys.argv[1:])
