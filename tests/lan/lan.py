"""A network of machines on one box: real kernels' networks, real cables to pull, nothing of the box's own touched."""

import itertools
import threading
from contextlib import ExitStack
from os import getpid
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lan import names
from tests.lan.booted import BootedMachine
from tests.lan.cable import Cable
from tests.lan.commands import do
from tests.lan.host import Host
from tests.lan.machine import Machine
from tests.lan.sshd import new_key


class Lan:
    """One switch and a router that leads nowhere. ``with Lan(tmp_path) as lan: head = lan.machine("head")``.

    Namespaces are named ``cai-lan-PID-RUN-...``; those of processes that are no more are removed when one starts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, Host] = {}
        # Apart from those of others only for people who read logs: nothing leads from one network to another.
        self._net = f"10.231.{getpid() % 254 + 1}"
        self._numbers = itertools.count(11)
        # Machines may be asked for by several threads, as they take a moment each.
        self._adding = threading.Lock()
        self._stack = ExitStack()

    @property
    def router(self) -> str:
        return f"{self._net}.1"

    @property
    def key(self) -> Path:
        """The private key of whoever uses this network; ``.pub`` beside it."""
        path = self.folder / "keys" / "user"
        with self._adding:
            return path if path.exists() else new_key(path)

    def __enter__(self) -> Self:
        names.reap()
        there = names.ours()
        self._run = next(n for n in range(1000) if names.space(n, "switch") not in there)
        with self._stack:
            switch = self._space("switch")
            do(["ip", "-n", switch, "link", "add", "switch0", "type", "bridge"])
            do(["ip", "-n", switch, "link", "set", "switch0", "up"])
            do(["ip", "-n", switch, "addr", "add", f"{self.router}/24", "dev", "switch0"])
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def machine(self, name: str) -> Machine:
        """A new one of namespaces; at once there. ``name`` is how it is called on the network, too."""
        address, cable = self._connect(name)
        machine = Machine(name, address=address, cable=cable, folder=self.folder / name)
        self._stack.callback(machine.close)
        self._introduce(machine)
        return machine

    def booted(
        self, name: str, *, linger: bool = False, shows: tuple[Path, ...] = (), packages: tuple[str, ...] = ()
    ) -> BootedMachine:
        """One with systemd and sshd, booted; ``key`` opens the accounts ``root`` and ``owner``."""
        address, cable = self._connect(name)
        machine = BootedMachine(
            name, address=address, cable=cable, folder=self.folder / name, shows=shows, packages=packages
        )
        self._stack.callback(machine.close)
        machine.let_in(self.key)
        if linger:
            machine.linger()
        self._introduce(machine)
        machine.boot()
        return machine

    def _connect(self, name: str) -> tuple[str, Cable]:
        number = next(self._numbers)
        space = self._space(name)
        cable = Cable(space, switch=names.space(self._run, "switch"), port=f"p{number}")
        self._stack.callback(cable.close)
        address = f"{self._net}.{number}"
        cable.lay(address, router=self.router)
        return address, cable

    def _introduce(self, new: Host) -> None:
        """Each finds the others by name, as by a home router's DNS."""
        with self._adding:
            self.hosts[new.name] = new
            known = "".join(f"{host.address} {host.name}\n" for host in self.hosts.values())
            for host in self.hosts.values():
                host.inside("/etc/hosts").write_text(f"127.0.0.1 localhost\n{known}")

    def _space(self, name: str) -> str:
        space = names.space(self._run, name)
        names.add(space)
        self._stack.callback(names.remove, space)
        return space
