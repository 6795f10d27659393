"""This machine's own figures, for the overview."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster_ai.views import HostView

__all__ = ["HostView", "ReadHost", "ThisMachine"]

ReadHost = Callable[[], HostView]


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """Reads this machine; ``home`` says whose disk counts."""

    home: Path

    def __call__(self) -> HostView:
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self.home))
        return HostView(
            hostname=socket.gethostname(),
            cores=psutil.cpu_count() or 1,
            # Since the last call: the loop's own pace is the window.
            cpu=psutil.cpu_percent(interval=None),
            memory_total=memory.total,
            memory_used=memory.total - memory.available,
            disk_total=disk.total,
            disk_used=disk.used,
        )
