"""A real OpenSSH server with a host key of its own."""

import base64
import hashlib
from pathlib import Path

from tests.lan.commands import do
from tests.lan.running import Running


def new_key(path: Path) -> Path:
    """A pair without a passphrase: ``path`` and ``path.pub``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    do(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.stem, "-f", path])
    return path


def known_host(address: str, port: int, public: Path) -> str:
    """A line for ``known_hosts``."""
    kind, key = public.read_text().split()[:2]
    place = address if port == 22 else f"[{address}]:{port}"
    return f"{place} {kind} {key}\n"


def fingerprint(public: Path) -> str:
    """As ssh shows it: ``SHA256:...``."""
    digest = hashlib.sha256(base64.b64decode(public.read_text().split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class Sshd:
    """Laid out in ``folder``; the machine starts it."""

    running: Running

    def __init__(self, folder: Path, *, address: str, port: int, passwords: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address, self.port = address, port
        self.host_key = folder / "host_key"
        if not self.host_key.exists():
            new_key(self.host_key)
        self.config = folder / "sshd_config"
        self.config.write_text(
            f"""
            ListenAddress {address}:{port}
            HostKey {self.host_key}
            PidFile none
            # The test's folders are the test's user's, not each user's own.
            StrictModes no
            UsePAM no
            AuthorizedKeysFile .ssh/authorized_keys
            PasswordAuthentication {"yes" if passwords else "no"}
            KbdInteractiveAuthentication no
            PermitRootLogin yes
            Subsystem sftp internal-sftp
            """
        )

    @property
    def known_host(self) -> str:
        return known_host(self.address, self.port, self.host_key.with_suffix(".pub"))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.host_key.with_suffix(".pub"))

    def let_in(self, key: Path, home: Path) -> None:
        """The owner of ``key`` may sign in to the account with that home."""
        folder = home / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "authorized_keys").open("a") as allowed:
            allowed.write(key.with_suffix(".pub").read_text())
