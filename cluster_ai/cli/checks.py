"""What ``cluster-ai doctor`` looks at on this machine, whether a cluster runs or not."""

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster_ai.cli.findings import Check, Verdict, failed
from cluster_ai.cli.show import size
from cluster_ai.cli.words import t
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
        return Check(
            "home",
            Verdict.WARNING,
            t("diag.home_missing", home=home.root),
            "./manager.sh start",
            "home_missing",
            "cluster-ai up",
        )
    if not os.access(home.root, os.W_OK | os.X_OK):
        return Check(
            "home", Verdict.PROBLEM, t("diag.home_read_only", home=home.root), t("diag.other_home"), "home_read_only"
        )
    open_to_others = [
        path.name for path in (home.secrets, home.data, home.run) if path.exists() and path.stat().st_mode & _OTHERS
    ]
    if open_to_others:
        hint = f"chmod 700 {' '.join(str(home.root / name) for name in open_to_others)}"
        return Check(
            "home", Verdict.PROBLEM, t("diag.home_open", names=", ".join(open_to_others)), hint, "home_open", hint
        )
    return Check("home", Verdict.OK, str(home.root))


def check_disk(home: Home) -> Check:
    there = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    seen = t("diag.disk", size=size(free), place=there)
    if free >= FINE_DISK:
        return Check("disk", Verdict.OK, seen)
    verdict = Verdict.WARNING if free >= LEAST_DISK else Verdict.PROBLEM
    return Check("disk", verdict, seen, t("diag.free_space"), "disk_short")


def check_memory() -> Check:
    import psutil

    free = psutil.virtual_memory().available
    if free >= FINE_MEMORY:
        return Check("memory", Verdict.OK, t("diag.memory", size=size(free)))
    return Check(
        "memory", Verdict.WARNING, t("diag.memory_short", size=size(free)), t("diag.free_memory"), "memory_short"
    )


def check_dashboard() -> Check:
    index = Path(__file__).resolve().parents[2] / "backend" / "ui" / "index.html"
    if index.is_file():
        return Check("dashboard", Verdict.OK, str(index.parent))
    return Check(
        "dashboard",
        Verdict.WARNING,
        t("diag.dashboard_missing"),
        t("diag.build"),
        "dashboard_missing",
        "./manager.sh start",
    )


def check_ports(settings: "Settings") -> Check:
    from cluster_ai.core.errors import Conflict
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse_ports

    try:
        refuse_ports(parts(settings))
    except Conflict as exc:
        return failed("ports", exc, code="ports_taken")
    return Check("ports", Verdict.OK, t("diag.ports"))
