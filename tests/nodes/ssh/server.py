"""A real OpenSSH server on loopback, with accounts of its own: its ``/etc/passwd`` is seen by nobody else."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.waiting import until

USER = "owner"
NUMBER = 4242
PASSWORD = "correct horse battery staple"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin") or "sshd"


@dataclass
class Server:
    """``folder`` has everything of it: host keys, the user's home, the log."""

    folder: Path
    port: int

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def host_key(self) -> Path:
        return self.folder / "ed25519"

    @property
    def fingerprint(self) -> str:
        told = subprocess.run(["ssh-keygen", "-lf", self.host_key], capture_output=True, text=True, check=True)
        return told.stdout.split()[1]

    def known_line(self, *, host: str = "127.0.0.1") -> str:
        kind, key, *_ = self.host_key.with_suffix(".pub").read_text().split()
        return f"[{host}]:{self.port} {kind} {key}\n"

    def let_in(self, public: str) -> None:
        keys = self.home / ".ssh" / "authorized_keys"
        with keys.open("a") as file:
            file.write(public.rstrip("\n") + "\n")
        os.chown(keys, NUMBER, NUMBER)
        keys.chmod(0o600)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def new_key(path: Path, kind: str = "ed25519", *, passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path], check=True)
    return path


@contextlib.contextmanager
def serving(folder: Path, *, shell: str = "/bin/sh", **options: str) -> Iterator[Server]:
    """Runs until the block ends; ``options`` are lines of sshd_config."""
    server = Server(folder, free_port())
    _lay_out(server, shell)
    _configure(server, options)
    bind = 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow && mkdir -p /run/sshd'
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{bind} && exec "$2" -D -e -f "$1/config"']
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*argv, "sh", folder, SSHD], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: "Server listening" in server.log() or process.poll() is not None, what="sshd listens")
        assert process.poll() is None, f"no sshd without root and CAP_SYS_ADMIN: {server.log()}"
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)
        print(server.log())  # shown with a test that failed


def _lay_out(server: Server, shell: str) -> None:
    server.folder.chmod(0o755)
    (server.home / ".ssh").mkdir(parents=True, mode=0o700)
    for path in (server.home, server.home / ".ssh"):
        os.chown(path, NUMBER, NUMBER)
    new_key(server.host_key)
    secret = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout
    known = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith(("sshd:", USER))]
    known += ["sshd:x:105:65534::/run/sshd:/usr/sbin/nologin", f"{USER}:x:{NUMBER}:{NUMBER}::{server.home}:{shell}"]
    (server.folder / "passwd").write_text("\n".join(known) + "\n")
    (server.folder / "shadow").write_text(
        f"root:*:19000::::::\nsshd:!:19000::::::\n{USER}:{secret.strip()}:19000::::::\n"
    )


def _configure(server: Server, options: dict[str, str]) -> None:
    said = {
        "ListenAddress": f"127.0.0.1:{server.port}",
        "HostKey": str(server.host_key),
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "yes",
        "KbdInteractiveAuthentication": "no",
        "Subsystem": "sftp internal-sftp",
        "LogLevel": "VERBOSE",
        **options,
    }
    (server.folder / "config").write_text("".join(f"{name} {value}\n" for name, value in said.items() if value))
