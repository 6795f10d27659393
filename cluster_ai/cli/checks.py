"""What ``cluster-ai diag`` looks at. Each check has a stable id, what was seen, and what to do."""

import os
import shutil
import stat
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster_ai.cli.show import size
from cluster_ai.cli.watching import look
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.paths import Home

if TYPE_CHECKING:
    from cluster_ai.settings import Settings

GIB: Final = 1 << 30
LEAST_DISK: Final = 200 << 20
FINE_DISK: Final = 2 * GIB
FINE_MEMORY: Final = GIB
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but will not for ever, or not well."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``evidence`` is what was seen; ``hint`` what to do when it is not ``ok``."""

    id: str
    verdict: Verdict
    evidence: str
    hint: str = ""


def all_checks(home: Home, load: Callable[[], "Settings"]) -> Iterator[Check]:
    """Every check, the foundations first. A check that cannot be made is a problem, not an end."""
    try:
        settings = load()
    except ClusterError as exc:
        yield Check("settings", Verdict.PROBLEM, exc.message, exc.hint)
        return
    yield Check("settings", Verdict.OK, f"{home.config}{'' if home.config.exists() else ' (not there: all defaults)'}")
    yield check_home(home)
    yield check_disk(home)
    yield check_memory()
    yield check_dashboard()
    runs = yield from check_parts(home)
    if not runs:
        yield check_ports(settings)
        return
    yield from check_api(settings)
    yield check_models(settings)


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


def check_parts(home: Home) -> Generator[Check, None, bool]:
    """The supervisor and each part; the generator's value says whether a supervisor runs."""
    try:
        view = look(home)
    except ClusterError as exc:
        yield Check("supervisor", Verdict.PROBLEM, exc.message, exc.hint)
        return False
    yield Check("supervisor", Verdict.OK, f"process {view.pid}, version {view.version}")
    for part in view.parts:
        seen = " · ".join(text for text in (part.state.value, part.last_exit, part.error) if text)
        if part.state == "ready":
            again = f", restarted {part.restarts} times" if part.restarts else ""
            yield Check(f"part.{part.name}", Verdict.OK, f"process {part.pid}, port {part.port}{again}")
        else:
            yield Check(f"part.{part.name}", Verdict.PROBLEM, seen, f"cluster-ai logs {part.name}")
    return True


def check_ports(settings: "Settings") -> Check:
    from cluster_ai.core.errors import Conflict
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse_ports

    try:
        refuse_ports(parts(settings), host=settings.bind)
    except Conflict as exc:
        return Check("ports", Verdict.PROBLEM, exc.message, exc.hint)
    return Check("ports", Verdict.OK, "all free")


def check_api(settings: "Settings") -> Iterator[Check]:
    from cluster_ai.client import Client

    try:
        with Client.local(settings) as client:
            ready = client.ready()
    except ClusterError as exc:
        yield Check("api", Verdict.PROBLEM, exc.message, exc.hint)
        return
    yield Check("api", Verdict.OK, "answers")
    for found in ready.checks:
        verdict = Verdict.OK if found.ok else Verdict.PROBLEM
        yield Check(f"ready.{found.name}", verdict, found.detail or verdict.value, found.hint)


def check_models(settings: "Settings") -> Check:
    from cluster_ai.cli.gateway import Gateway

    try:
        with Gateway(settings) as gateway:
            names = [str(model.get("name")) for model in gateway.ask("/api/tags").get("models") or []]
    except ClusterError as exc:
        return Check("models", Verdict.PROBLEM, exc.message, exc.hint)
    if not names:
        return Check("models", Verdict.PROBLEM, "no node has a model", "cluster-ai node ls")
    return Check("models", Verdict.OK, ", ".join(names))
