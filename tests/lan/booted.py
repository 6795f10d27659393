"""A machine that boots: systemd as its first process, sshd, its own disk; switched on, off, and cut from power.

Measured on two cores: the system below is made once, in 60 s and 0.3 GB (:mod:`tests.lan.root`). After that a machine
is laid out and booted in 0.5 s, reboots in 0.7 s, is off in 0.2 s; its disk holds only what differs from the system's.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.lan import names
from tests.lan.cable import Cable
from tests.lan.commands import CommandFailed, tool
from tests.lan.host import Argv, Host
from tests.lan.root import root
from tests.lan.sshd import fingerprint, known_host, new_key
from tests.waiting import until

# In control groups of its own: a systemd takes all that is below its own for its. Whoever ends with 133 wants to be
# started again.
POWER = """
for groups in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ -f "$groups/cgroup.procs" ] && mkdir -p "$groups/$0" && echo 0 >"$groups/$0/cgroup.procs"
done
while :; do code=0; "$@" || code=$?; [ "$code" -eq 133 ] || exit "$code"; done
"""
BOOTING = Path(__file__).with_name("booting.sh")
CHECKOUT = Path(__file__).parents[2]
OWNER = 1000
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def checkout() -> tuple[Path, ...]:
    """What a machine must be shown so that the checkout runs in it as it stands, with its environment and Python."""
    return CHECKOUT, Path(sys.base_prefix)


class BootedMachine(Host):
    """``shows`` are folders of this box that are seen in it, unchangeable, at the same place; ``packages`` are what its
    system has besides. Starts switched off."""

    def __init__(
        self,
        name: str,
        *,
        address: str,
        cable: Cable,
        folder: Path,
        shows: tuple[Path, ...] = (),
        packages: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, address=address, cable=cable, folder=folder)
        self._shows = shows
        self._system_root = root(packages)
        folder.mkdir(parents=True)
        self._anchor = self._hold_disk()
        self._first = psutil.Process(self._anchor.pid).children()[0]
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.host_key = new_key(folder / "host_key")
        self._lay_out()

    @property
    def known_host(self) -> str:
        """A line for ``known_hosts``."""
        return known_host(self.address, 22, self.host_key.with_suffix(".pub"))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.host_key.with_suffix(".pub"))

    def let_in(self, key: Path) -> None:
        """The owner of ``key`` may sign in as ``owner`` and as ``root``."""
        for home, number in (("/home/owner", OWNER), ("/root", 0)):
            allowed = self.disk(f"{home}/.ssh/authorized_keys")
            with allowed.open("a") as keys:
                keys.write(key.with_suffix(".pub").read_text())
            allowed.chmod(0o600)
            os.chown(allowed, number, number)

    def linger(self) -> None:
        """The user's own systemd starts with the machine, and outlives their sessions."""
        self.disk("/var/lib/systemd/linger/owner").touch()

    def boot(self, seconds: float = 60) -> None:
        """Switched on, and waited for until all its units are up.

        Raises:
            CommandFailed: containers cannot be started here.
            AssertionError: it did not come up.
        """
        # Its /sys tells of the network in which it is mounted: that is its own from the beginning.
        enter = [tool("nsenter"), "--target", str(self._first.pid), "--mount", "--pid"]
        enter += [f"--net=/run/netns/{self.cable.space}", "--", "sh", "-c", POWER, self.cable.space]
        spawn = [tool("systemd-nspawn", "systemd-container"), "--quiet", "--boot", "--register=no", "--keep-unit"]
        where = [f"--directory={self.folder / 'disk'}", f"--network-namespace-path={self.folder / 'space'}"]
        own = [f"--machine={self.cable.space}", f"--hostname={self.name}", "--link-journal=no", "--resolv-conf=off"]
        # The network is its own, so it may say who passes.
        own += ["--capability=CAP_NET_ADMIN"]
        shown = [f"--bind-ro={path}" for path in self._shows]
        with (self.folder / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(
                [*enter, *spawn, *where, *own, "--timezone=off", "--console=pipe", *shown],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._come_up(seconds)

    def reboot(self, seconds: float = 60) -> None:
        """By its own systemd; waited for."""
        before = self.boot_id
        self.run(["systemctl", "reboot"], check=False)
        until(lambda: self.boot_id not in {before, ""}, seconds=seconds, what="it boots again")
        self._come_up(seconds)

    def poweroff(self, seconds: float = 60) -> None:
        """By its own systemd; waited for."""
        self.run(["systemctl", "poweroff"], check=False)
        assert self._nspawn
        self._nspawn.wait(seconds)

    def cut(self) -> None:
        """Its power is gone: no process of it does anything any more. The network says nothing about it either."""
        self.cable.pull()
        self._system().kill()
        assert self._nspawn
        self._nspawn.wait(30)
        self.cable.plug()

    @property
    def boot_id(self) -> str:
        """Another one after each boot; empty while it is off."""
        # Who enters while it goes down may be left hanging there.
        with contextlib.suppress(CommandFailed, subprocess.TimeoutExpired):
            return self.run(["cat", "/proc/sys/kernel/random/boot_id"], seconds=5).stdout.strip()
        return ""

    def journal(self, *options: str) -> str:
        """What its units wrote, of all boots: ``journal("-u", "ssh")``."""
        return self.run(["journalctl", "--no-pager", *options]).stdout

    def disk(self, path: str) -> Path:
        """A file on its disk, on or off; not what lies in its memory (``/run``, ``/tmp``)."""
        return Path(f"/proc/{self._first.pid}/root{self.folder}/disk{path}")

    def inside(self, path: str) -> Path:
        return self.disk(path)

    def entering(self, argv: Argv, *, user: str, env: Mapping[str, str]) -> list[str]:
        number, home = (0, "/root") if user == "root" else (OWNER, f"/home/{user}")
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid"]
        enter = [tool("nsenter"), "--target", str(self._system().pid), *spaces, "--"]
        become = ["setpriv", f"--reuid={number}", f"--regid={number}", "--init-groups"] if number else []
        known = {
            "PATH": USUAL_PATH,
            "HOME": home,
            "USER": user,
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": f"/run/user/{number}",
            **env,
        }
        words = [f"{name}={value}" for name, value in known.items()]
        return [*enter, *become, "env", "-i", f"--chdir={home}", *words, *map(str, argv)]

    def close(self) -> None:
        """Off, at once; its disk is gone with the test's folder."""
        self._anchor.communicate(timeout=30)
        if self._nspawn:
            self._nspawn.wait(30)
        names.ungroup(self.cable.space)

    def _come_up(self, seconds: float) -> None:
        def up() -> bool:
            assert self._nspawn
            assert self._nspawn.poll() is None, f"{self.name} did not boot: {self._console()}"
            state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
            assert state != "degraded", self.run(["systemctl", "--failed", "--no-pager"]).stdout
            return state == "running"

        until(up, seconds=seconds, what=f"{self.name} is up", bears=(CommandFailed,))

    def _system(self) -> psutil.Process:
        """Its PID 1.

        Raises:
            CommandFailed: it is off.
        """
        if self._nspawn:
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in psutil.Process(self._nspawn.pid).children(recursive=True):
                    if process.name() in {"systemd", "init"}:
                        return process
        raise CommandFailed(f"{self.name} is off")

    def _console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")[-2000:]

    def _lay_out(self) -> None:
        self.disk("/etc/hostname").write_text(f"{self.name}\n")
        self.disk("/etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")
        self.disk("/etc/resolv.conf").write_text(f"nameserver {self.address.rpartition('.')[0]}.1\n")
        for ending, mode in (("", 0o600), (".pub", 0o644)):
            copy = self.disk(f"/etc/ssh/ssh_host_ed25519_key{ending}")
            shutil.copyfile(f"{self.host_key}{ending}", copy)
            copy.chmod(mode)

    def _hold_disk(self) -> subprocess.Popen[bytes]:
        own = ["--fork", "--pid", "--mount-proc", "--mount", "--propagation", "private"]
        run = [
            tool("unshare"),
            *own,
            "sh",
            str(BOOTING),
            str(self._system_root),
            str(self.folder),
            self.cable.space,
            sys.executable,
        ]
        with (self.folder / "anchor.log").open("wb") as log:
            anchor = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        assert anchor.stdout
        if anchor.stdout.readline() != b"ready\n":
            anchor.communicate()
            why = (self.folder / "anchor.log").read_text()
            raise CommandFailed(f"a disk in layers cannot be made here (root with CAP_SYS_ADMIN is needed): {why}")
        return anchor
