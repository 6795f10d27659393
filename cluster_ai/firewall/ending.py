"""The end of a trial in a firewall that keeps what it is told over boots: after its time, or when the machine boots."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import ClusterError

Do = Callable[..., str]
"""Runs a command with the rights to, ``given`` on its standard input; answers what it wrote. Raises as it likes."""
TIMER: Final = "cluster-ai-firewall-trial"
UNIT: Final = Path("/etc/systemd/system/cluster-ai-firewall-trial-over.service")
SCRIPT: Final = Path("/etc/cluster-ai/firewall-trial-over.sh")
_WANTED: Final = Path("/etc/systemd/system/multi-user.target.wants", UNIT.name)
_BOOT: Final = f"""\
# There while rules are on trial: a machine that loses its power in the middle of it boots without them.
[Unit]
Description=Cluster AI: the end of a trial of firewall rules
After=ufw.service local-fs.target

[Service]
Type=oneshot
ExecStart=/bin/sh {SCRIPT}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """``do`` runs with the rights of root, where systemd runs."""

    do: Do

    def arm(self, commands: str, *, seconds: int) -> None:
        """``commands`` of a shell are run once: in ``seconds``, or at the next boot when that comes first."""
        self._stop()
        script = f"{commands}\nrm -f {_WANTED} {UNIT} {SCRIPT}\n"
        timer = ("--quiet", "--collect", f"--unit={TIMER}", "--timer-property=AccuracySec=1s")
        try:
            for path, text in ((SCRIPT, script), (UNIT, _BOOT)):
                # By a command, since it may need the rights of root, and whole or not at all.
                self.do("install", "-D", "-m", "0644", "/dev/stdin", str(path), given=text)
            self.do("systemctl", "--quiet", "enable", UNIT.name)
            self.do("systemd-run", *timer, f"--on-active={seconds}", "/bin/sh", str(SCRIPT))
        except ClusterError:
            self.disarm()
            raise

    def disarm(self) -> None:
        """Nothing is run any more."""
        self._stop()
        if UNIT.exists() or SCRIPT.exists():
            self.do("rm", "-f", str(_WANTED), str(UNIT), str(SCRIPT))

    def _stop(self) -> None:
        """It may be at it this very moment: afterwards it has ended."""
        units = [f"{TIMER}.{kind}" for kind in ("timer", "service")]
        if any(Path("/run/systemd/transient", unit).exists() for unit in units):
            # It may end by itself just now, and is not there to be stopped.
            self.do("sh", "-c", f"systemctl stop {' '.join(units)} || true")
