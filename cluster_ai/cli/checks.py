"""What ``cluster-ai diag`` looks at on this machine, whether a cluster runs or not."""

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster_ai.cli.findings import Check, Verdict
from cluster_ai.cli.show import size
from cluster_ai.core.paths import Home

if TYPE_CHECKING:
    from cluster_ai.settings import Settings

GIB: Final = 1 << 30
LEAST_DISK: Final = 200 << 20
FINE_DISK: Final = 2 * GIB
FINE_MEMORY: Final = GIB
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_home(home: Home) -> Check:
    if not home.root.is_dir():
        return Check("home", Verdict.WARNING, f"{home.root} is not there yet", "./manager.sh start")
    if not os.access(home.root, os.W_OK | os.X_OK):
        return Check("home", Verdict.PROBLEM, f"{home.root} cannot be written", "set CLUSTER_AI_HOME")
    open_to_others = [
        path.name for path in (home.secrets, home.data, home.run) if path.exists() and path.stat().st_mode & _OTHERS
    ]
    if open_to_others:
        hint = f"chmod 700 {' '.join(str(home.root / name) for name in open_to_others)}"
        return Check("home", Verdict.PROBLEM, f"others may look into {', '.join(open_to_others)}", hint)
    return Check("home", Verdict.OK, str(home.root))


def check_disk(home: Home) -> Check:
    there = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    verdict = Verdict.OK if free >= FINE_DISK else Verdict.WARNING if free >= LEAST_DISK else Verdict.PROBLEM
    return Check("disk", verdict, f"{size(free)} free at {there}", "" if verdict is Verdict.OK else "free some space")


def check_memory() -> Check:
    import psutil

    free = psutil.virtual_memory().available
    if free >= FINE_MEMORY:
        return Check("memory", Verdict.OK, f"{size(free)} free")
    return Check("memory", Verdict.WARNING, f"only {size(free)} free", "end other programs, or use a smaller model")


def check_dashboard() -> Check:
    index = Path(__file__).resolve().parents[2] / "backend" / "ui" / "index.html"
    if index.is_file():
        return Check("dashboard", Verdict.OK, str(index.parent))
    return Check("dashboard", Verdict.WARNING, "the dashboard is not built", "./manager.sh start builds it")


def check_ports(settings: "Settings") -> Check:
    from cluster_ai.core.errors import Conflict
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse_ports

    try:
        refuse_ports(parts(settings), host=settings.bind)
    except Conflict as exc:
        return Check("ports", Verdict.PROBLEM, exc.message, exc.hint)
    return Check("ports", Verdict.OK, "all free")
