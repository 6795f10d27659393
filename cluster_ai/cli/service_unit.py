"""The service of this machine that starts what is installed: what the installer noted of it, and what systemd says."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.cli import place
from cluster_ai.cli.kept import COMMAND
from cluster_ai.core.errors import Conflict
from cluster_ai.core.paths import PRIVATE_DIR

UNIT: Final = "cluster-ai.service"
NOTE: Final = "service"
"""In the folder of the program: which kind of service the installer wrote."""
_PATIENCE: Final = 30.0
_ASKED: Final = ("ActiveState", "SubState", "UnitFileState", "FragmentPath", "NRestarts", "MainPID")


@dataclass(frozen=True, slots=True)
class Installed:
    """``kind``: ``systemd_user``, ``systemd_system``, ``cron`` or ``own``. ``role``: ``head`` or ``worker``."""

    prefix: Path
    kind: str
    role: str

    @property
    def systemctl(self) -> tuple[str, ...]:
        """Empty where another than systemd starts it."""
        return {"systemd_user": ("systemctl", "--user"), "systemd_system": ("systemctl",)}.get(self.kind, ())


def installed() -> Installed | None:
    """None: a checkout, or a program that was installed without a service."""
    from cluster_ai.nodes.bundle import switch

    prefix = switch.prefix_of()
    kind = _line(prefix / NOTE) if prefix else ""
    return Installed(prefix, kind, _line(prefix / "role") or "worker") if prefix and kind else None


def start() -> bool:
    """Has the service start, which does not run; False where there is none, or none that this user starts.

    Raises:
        Conflict: only root can start it, or it does not start.
    """
    from cluster_ai.cli.words import t

    found = installed()
    if found is None:
        return False
    if not found.systemctl:
        return _started(found)
    command = [*found.systemctl, "start", UNIT]
    told = " ".join(command if found.kind == "systemd_user" else ("sudo", *command))
    if found.kind == "systemd_system" or _ran(*command).returncode:
        raise Conflict(t("service.stopped"), hint=told)
    return True


def _started(found: Installed) -> bool:
    log = place.home().logs / "runner.log"
    log.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    with log.open("ab") as file:
        subprocess.Popen(  # noqa: S603 - what the installer put there
            [str(found.prefix / "bin" / COMMAND)],
            cwd="/", stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    return True


def systemd_says(found: Installed) -> dict[str, str]:
    """Properties of the unit by their names in systemd; empty where it does not answer."""
    if not found.systemctl:
        return {}
    done = _ran(*found.systemctl, "show", UNIT, *(f"--property={name}" for name in _ASKED))
    pairs = (line.partition("=") for line in done.stdout.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs if value}


def _ran(*command: str) -> "subprocess.CompletedProcess[str]":
    # Over SSH the session may not say where the user's own systemd listens.
    env = {"XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}", **os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 - our own words
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return subprocess.CompletedProcess(command, 1, "", str(exc))


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
