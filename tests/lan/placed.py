"""A head as the installer puts it on a machine with systemd, from a bundle that was carried there."""

from pathlib import Path

from tests.install.carried import SIGNER
from tests.lan.booted import BootedMachine

UNIT = "cluster-ai.service"
# /var/log and what systemd keeps for itself change by themselves.
PLACES = ("/opt", "/usr/local", "/etc", "/home", "/var/lib/cluster-ai", "/root")


class Place:
    """A machine, and who installs there: ``root`` for the machine (``--system``), ``owner`` for themself."""

    def __init__(self, machine: BootedMachine, user: str, role: str, folder: Path) -> None:
        self.machine, self.user, self.role, self.folder = machine, user, role, folder
        self.prefix = "/opt/cluster-ai" if user == "root" else "/home/owner/.local/lib/cluster-ai"
        self.home = "/var/lib/cluster-ai" if user == "root" else "/home/owner/.local/share/cluster-ai"
        self.runs_as = "cluster-ai" if user == "root" else "owner"
        self.before = self.files()

    def run(self, *words: str, check: bool = True) -> str:
        done = self.machine.run([*words], user=self.user, check=check, seconds=200)
        return done.stdout + done.stderr

    def install(self, *more: str, check: bool = True) -> str:
        script, bundle = self.folder / "install_unified.sh", self.folder / "bundle.tar"
        where = ("--yes", "--offline", str(bundle), "--signer", SIGNER)
        return self.run("sh", str(script), self.role, *where, *more, check=check)

    def systemctl(self, *words: str, check: bool = True) -> str:
        own = () if self.user == "root" else ("--user",)
        return self.run("systemctl", *own, *words, check=check).strip()

    def processes(self) -> list[tuple[str, int, str]]:
        """What runs of ours: whose, its number, its command."""
        told = self.machine.run(["ps", "-eo", "user:20=,pid=,args="]).stdout.splitlines()
        found = (line.split(maxsplit=2) for line in told if self.prefix in line and "ps -eo" not in line)
        return [(user, int(pid), words) for user, pid, words in found]

    def program(self) -> int:
        """The number of the cluster's own first process; 0 while there is none."""
        return next((pid for _, pid, words in self.processes() if "cluster_ai.cli.main up" in words), 0)

    def files(self) -> set[str]:
        return set(self.machine.run(["find", *PLACES, "-xdev"], check=False).stdout.splitlines())
