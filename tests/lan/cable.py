"""The cable between a machine and the switch, and what can be wrong with it."""

import subprocess
import sys
from pathlib import Path

from tests.lan.commands import do, tool

PLUG = "e0"
"""What a machine's network interface is called inside of it."""


WIRE = Path(__file__).with_name("wire.py")


class Wire:
    """Of :mod:`tests.lan.wire`, spliced in between the port and the switch. Frames under way at either end are lost."""

    def __init__(self, switch: str, port: str, seconds: float) -> None:
        self._at, self._port = ["ip", "-n", switch], port
        far, near = f"{port}-far", f"{port}-near"
        do([*self._at, "link", "add", far, "type", "veth", "peer", "name", near])
        do([*self._at, "link", "set", port, "nomaster"])
        do([*self._at, "link", "set", far, "master", "switch0", "up"])
        do([*self._at, "link", "set", near, "up"])
        run = [tool("nsenter"), f"--net=/run/netns/{switch}", sys.executable, str(WIRE), str(seconds), port, near]
        self._process = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n", "the wire did not start"

    def close(self) -> None:
        self._process.communicate(timeout=10)
        do([*self._at, "link", "del", f"{self._port}-far"])
        do([*self._at, "link", "set", self._port, "master", "switch0"])


class Cable:
    """From ``space`` (the machine's network namespace) to the bridge ``switch0`` in ``switch``. Heals with :meth:`heal`."""

    def __init__(self, space: str, *, switch: str, port: str) -> None:
        self.space = space
        self._switch = switch
        self._port = port
        self._wire: Wire | None = None

    def lay(self, address: str, *, router: str) -> None:
        """Raises:
        CommandFailed: the kernel would not.
        """
        do(["ip", "-n", self.space, "link", "set", "lo", "up"])
        peer = ["peer", "name", self._port, "netns", self._switch]
        do(["ip", "link", "add", PLUG, "netns", self.space, "type", "veth", *peer])
        do(["ip", "-n", self._switch, "link", "set", self._port, "master", "switch0", "up"])
        do(["ip", "-n", self.space, "addr", "add", f"{address}/24", "brd", "+", "dev", PLUG])
        do(["ip", "-n", self.space, "link", "set", PLUG, "up"])
        # As at home: there is a router, and behind it nobody.
        do(["ip", "-n", self.space, "route", "add", "default", "via", router])

    def pull(self) -> None:
        """Out of the switch: the machine sees its link go down, others see nothing at all."""
        do(["ip", "-n", self._switch, "link", "set", self._port, "down"])

    def plug(self) -> None:
        """In again."""
        do(["ip", "-n", self._switch, "link", "set", self._port, "up"])

    def loss(self, percent: int) -> None:
        """Of the packets in, and of those out, this many are dropped by chance."""
        chance = f"numgen random mod 100 < {percent} drop"
        self._drop(into=chance, out=chance)

    def deaf(self) -> None:
        """What others send is lost; what this machine sends arrives."""
        self._drop(into="drop", out="accept")

    def mute(self) -> None:
        """What this machine sends is lost, and it is not told; what others send arrives."""
        self._drop(into="accept", out="drop")

    def no_way_to(self, port: int) -> None:
        """What this machine sends to that TCP port of others is lost."""
        self._drop(into="accept", out=f"tcp dport {port} drop")

    def rate(self, rate: str) -> None:
        """As ``tc`` writes it (``1mbit``), in each direction for itself."""
        bucket = ["tbf", "rate", rate, "burst", "32kbit", "latency", "400ms"]
        for space, device in self._ends():
            do(["tc", "-n", space, "qdisc", "replace", "dev", device, "root", *bucket])

    def delay(self, milliseconds: float) -> None:
        """Every round trip takes this much longer; half of it each way."""
        self._straighten()
        self._wire = Wire(self._switch, self._port, milliseconds / 2000)

    def heal(self) -> None:
        """All of it is over."""
        self._straighten()
        self._drop(into="accept", out="accept")
        for space, device in self._ends():
            do(["tc", "-n", space, "qdisc", "replace", "dev", device, "root", "pfifo"])
        self.plug()

    def close(self) -> None:
        self._straighten()

    def _ends(self) -> tuple[tuple[str, str], ...]:
        return (self.space, PLUG), (self._switch, self._port)

    def _straighten(self) -> None:
        if self._wire:
            self._wire.close()
            self._wire = None

    def _drop(self, *, into: str, out: str) -> None:
        """Each where it arrives: who sends a packet that its own filter drops would be told."""
        for (space, device), verdict in zip(self._ends(), (into, out), strict=True):
            table = f"netdev lan_{device}"
            chain = f'chain arriving {{ type filter hook ingress device "{device}" priority 0; {verdict}; }}'
            rules = f"table {table}\ndelete table {table}\ntable {table} {{\n{chain}\n}}\n"
            do(["nft", "-f", "-"], space=space, given=rules)
