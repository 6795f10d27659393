"""Rules that are there again after the machine has booted: a file, and a unit of systemd that hands it to ``nft``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.firewall.ending import Do

UNIT: Final = "cluster-ai-firewall.service"
RUNS: Final = Path("/run/systemd/system")
"""There while systemd has booted the machine."""
TEMPLATE: Final = """\
# Rules that `cluster-ai firewall confirm` kept; `cluster-ai firewall remove` takes this file away.
[Unit]
Description=Cluster AI: who reaches which of its ports
DefaultDependencies=no
After=nftables.service local-fs.target
Before=network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} -f {rules}
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHome=yes
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
IPAddressDeny=any
UMask=0077

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Boot:
    """``etc`` is the folder of the system's settings, as the unit will see it under ``root``."""

    do: Do
    nft: str
    root: Path = Path("/")
    etc: Path = Path("/etc")

    @property
    def rules(self) -> Path:
        return self.etc / "cluster-ai" / "firewall.nft"

    def keep(self, script: str) -> None:
        """The machine boots with ``script`` from now on."""
        unit = TEMPLATE.format(nft=self.nft, rules=self.rules)
        self._write(self.rules, script)
        self._write(self.etc / "systemd" / "system" / UNIT, unit)
        self.do("systemctl", f"--root={self.root}", "--quiet", "enable", UNIT)

    def forget(self) -> None:
        """It boots without; nothing of it is left."""
        self.do("systemctl", f"--root={self.root}", "--quiet", "disable", UNIT)
        self.do("rm", "-f", str(self._at(self.etc / "systemd" / "system" / UNIT)), str(self._at(self.rules)))

    def is_kept(self) -> bool:
        """Whether the machine boots with any."""
        return self._at(self.rules).is_file()

    def _write(self, path: Path, text: str) -> None:
        # By a command, since it may need the rights of root, and whole or not at all.
        self.do("install", "-D", "-m", "0644", "/dev/stdin", str(self._at(path)), given=text)

    def _at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")
