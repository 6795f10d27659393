"""A machine out of namespaces: own network, hostname, processes, ``/etc``, ``/run``, ``/home`` and home folders.

It shares the system's programs and ``/tmp`` with the test, so the checkout runs in it as it stands. It has no init
system; :mod:`tests.lan.booted` has.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.lan.cable import Cable
from tests.lan.clock import skewed
from tests.lan.commands import SYSTEM_PATH, tool
from tests.lan.host import Argv, Host
from tests.lan.running import Running
from tests.lan.sshd import Sshd
from tests.waiting import until

ANCHOR = Path(__file__).with_name("anchor.sh")
OWNER = 1000
ROOT = Path(__file__).parents[2]


class Machine(Host):
    """``home`` is root's home folder, inside and outside; that of the user ``owner`` is ``/home/owner`` inside."""

    def __init__(self, name: str, *, address: str, cable: Cable, folder: Path) -> None:
        super().__init__(name, address=address, cable=cable, folder=folder)
        self.home = folder / "home"
        self._clock: dict[str, str] = {}
        self._logs = itertools.count(1)
        self._running: list[Running] = []
        self._lay_out()
        self._anchor = self._power_on()
        self._first = psutil.Process(self._anchor.pid).children()[0]

    def start(self, argv: Argv, *, user: str = "root", env: Mapping[str, str] | None = None) -> Running:
        """In the background; what it writes is in its ``log``."""
        log = self.folder / "logs" / f"{next(self._logs)}-{Path(str(argv[0])).name}.log"
        running = Running(self.entering(argv, user=user, env=env or {}), log)
        self._running.append(running)
        return running

    def sshd(self, *, key: Path, port: int = 22, passwords: bool = False) -> Sshd:
        """A real one; ``key`` (its ``.pub``) opens the accounts ``root`` and ``owner``."""
        sshd = Sshd(self.folder / "sshd", address=self.address, port=port, passwords=passwords)
        for home in (self.home, self.folder / "owner"):
            sshd.let_in(key, home)
        self.chown(self.folder / "owner")
        sshd.running = self.start([tool("sshd"), "-D", "-e", "-f", sshd.config])
        until(lambda: (self.address, port) in self.listening(), what="sshd listens")
        return sshd

    def clock(self, seconds: float) -> None:
        """Wrong by that much for all that starts from now on, and again at once when it is called again."""
        self._clock = skewed(self.folder / "clock", seconds)

    def pids(self) -> list[psutil.Process]:
        """All processes of the machine but its first, by their numbers outside."""
        inside = _space(self._first)
        return [one for one in psutil.process_iter() if one != self._first and _space(one) == inside]

    def freeze(self) -> None:
        """No process of it goes on; its kernel still answers, as that of a machine that swaps itself to death."""
        for process in self.pids():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.pids():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        for running in self._running:
            running.carry_on()

    def inside(self, path: str) -> Path:
        return Path(f"/proc/{self._first.pid}/root{path}")

    def entering(self, argv: Argv, *, user: str, env: Mapping[str, str]) -> list[str]:
        home, number = (str(self.home), 0) if user == "root" else ("/home/owner", OWNER)
        spaces = ["--net", "--uts", "--ipc", "--mount", "--pid"]
        enter = [tool("nsenter"), "--target", str(self._first.pid), *spaces, "--"]
        become = ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"] if number else []
        known = {
            "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "PYTHONPATH": str(ROOT),
            "HOME": home,
            "USER": user,
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": f"/run/user/{number}",
            **self._clock,
            **env,
        }
        words = [f"{name}={value}" for name, value in known.items()]
        return [*enter, *become, "env", "-i", f"--chdir={home}", *words, *map(str, argv)]

    def chown(self, folder: Path) -> None:
        """All in there is the user ``owner``'s."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, OWNER, OWNER)

    def close(self) -> None:
        """Its first process ends, and by the kernel's rule all others with it."""
        self._anchor.communicate(timeout=10)
        for running in self._running:
            running.wait()
        self.cable.close()

    def _lay_out(self) -> None:
        for part in ("home", "owner", "etc", "logs"):
            (self.folder / part).mkdir(parents=True)
        self.chown(self.folder / "owner")
        etc = self.folder / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        (etc / "machine-id").write_text(f"{os.urandom(16).hex()}\n")
        router = self.address.rpartition(".")[0]
        (etc / "resolv.conf").write_text(f"nameserver {router}.1\n")
        # Only who is needed: sshd splits its rights with a user of its own.
        users = f"""
            root:x:0:0:root:{self.home}:/bin/bash
            owner:x:{OWNER}:{OWNER}::/home/owner:/bin/bash
            sshd:x:105:65534::/run/sshd:/usr/sbin/nologin
            nobody:x:65534:65534::/:/usr/sbin/nologin
            """
        (etc / "passwd").write_text(_lines(users))
        (etc / "group").write_text(_lines(f"root:x:0:\nowner:x:{OWNER}:\nnogroup:x:65534:"))
        (etc / "shadow").write_text(_lines("root:*:19000::::::\nowner:*:19000::::::\nsshd:!:19000::::::"))
        (etc / "shadow").chmod(0o600)

    def _power_on(self) -> subprocess.Popen[bytes]:
        own = ["--fork", "--pid", "--mount-proc", "--uts", "--ipc", "--mount", "--propagation", "private"]
        enter = [tool("nsenter"), f"--net=/run/netns/{self.cable.space}", tool("unshare"), *own]
        with (self.folder / "anchor.log").open("wb") as log:
            anchor = subprocess.Popen(
                [*enter, "sh", str(ANCHOR), self.name, str(self.folder), sys.executable],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert anchor.stdout
        if anchor.stdout.readline() != b"ready\n":
            anchor.communicate()
            raise AssertionError(
                "a machine of namespaces cannot be made here (root with CAP_SYS_ADMIN is needed): "
                + (self.folder / "anchor.log").read_text()
            )
        return anchor


def _lines(text: str) -> str:
    return "".join(f"{line.strip()}\n" for line in text.strip().splitlines())


def _space(process: psutil.Process) -> int:
    """Of process ids, that it lives in; 0 when it is no more."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process.pid}/ns/pid").stat().st_ino
    return 0
