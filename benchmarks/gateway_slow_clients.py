"""Clients that read nothing, and the others beside them: ``./manager.sh bench gateway-slow-clients``.

A thousand clients ask for long streams and read nothing of them; their nodes write as fast as they may. Measured: the
gateway's memory for each of them, and the kernel's for all sockets of the machine, what the nodes could send on their
behalf, and the first byte of honest clients before, while the buffers fill, and when all are full; in turns with the
same straight to the nodes, which have as much to do. Prints a table and writes ``gateway_slow_clients.json`` beside the
other results.
"""

import argparse
import asyncio
import itertools
import json
import resource
import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.rig import results
from benchmarks.rig.client import Door, ask, session
from benchmarks.rig.gateway import Running, gateway
from tests.fakes.fleet import Fleet

MODEL = "llama3:latest"
NODES = 4
SLOTS = 1024
RATE = 1.0
PAD = 20_000
"""Bytes in each record, beside the token: a slow client's stream is 20 KB a second until nobody takes more of it."""
TOKENS = 1000
HONEST_TOKENS = 1
PROBES = 300
AT_ONCE = 4
FULL_SECONDS = 45.0
"""After so long every buffer on the way is full; it is less than the time after which they are dropped."""


@dataclass
class Beside:
    """First bytes of honest clients, in seconds; infinite for those who got none."""

    ours: list[float] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)

    def rows(self, name: str) -> dict[str, float]:
        ways = (("", self.ours), (", direct", self.direct))
        return {
            f"first byte p{share:.0%}, {name}{way}, ms".replace("%", ""): results.percentile(found, share) * 1000
            for share in (0.5, 0.99)
            for way, found in ways
        }


async def first_bytes(fleet: Fleet, running: Running, count: int = PROBES) -> Beside:
    """Of honest clients, some at a time, in turns through the gateway and straight to a node."""
    found = Beside()
    doors = itertools.cycle(Door(node.url, "ollama", MODEL, tokens=HONEST_TOKENS) for node in fleet.nodes)
    door = Door(running.url, "ollama", MODEL, tokens=HONEST_TOKENS)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turns:
            way, rows = (door, found.ours) if number % 2 else (next(doors), found.direct)
            got = await ask(http, way, f"honest {number}", stream=True, limit=30)
            rows.append(got.first if got.first is not None else float("inf"))

    async with session() as http:
        await asyncio.gather(*(one(number) for number in range(2 * count)))
    return found


def kernel_memory() -> float:
    """MiB that the kernel holds for the data of all TCP sockets; 0 where it does not tell."""
    with suppress(OSError):
        rows = Path("/proc/net/sockstat").read_text(encoding="ascii").splitlines()
        words = next(row for row in rows if row.startswith("TCP:")).split()
        return int(words[words.index("mem") + 1]) * resource.getpagesize() / 2**20
    return 0.0


def slow_client(port: int) -> socket.socket:
    """Has asked, and reads nothing."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "slow"}]}).encode()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    head = f"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    sock.sendall(head.encode() + body)
    return sock


def begun_with(sock: socket.socket) -> str:
    """The status that waits to be read; ``nothing``: no answer has begun, ``the end``: the connection is cut."""
    sock.settimeout(0)
    try:
        head = sock.recv(12, socket.MSG_PEEK)
    except BlockingIOError:
        return "nothing"
    except OSError:
        return "the end"
    return head[9:12].decode() if head else "the end"


async def measure(fleet: Fleet, running: Running, wanted: argparse.Namespace) -> dict[str, Any]:
    await first_bytes(fleet, running, PROBES // 4)
    alone, memory, kernel = await first_bytes(fleet, running), running.memory(), kernel_memory()
    sent = sum(node.counters().bytes_out for node in fleet.nodes)
    with ExitStack() as stack:
        began = time.monotonic()
        slow = [await asyncio.to_thread(slow_client, running.port) for _ in range(wanted.clients)]
        for sock in slow:
            stack.enter_context(sock)
        # A thousand calls in one second are another matter.
        await asyncio.sleep(3)
        filling = await first_bytes(fleet, running)
        await asyncio.sleep(began + wanted.seconds - time.monotonic())
        full, loaded, kernel_loaded = await first_bytes(fleet, running), running.memory(), kernel_memory()
        busy, began = running.cpu(), time.monotonic()
        await asyncio.sleep(3)
        cpu = (running.cpu() - busy) / (time.monotonic() - began)
        streams = running.state()["inflight"]
        begun = Counter(begun_with(sock) for sock in slow)
        told = sum(node.counters().bytes_out for node in fleet.nodes) - sent
    return {
        "slow streams": streams,
        **{f"slow clients told {status}": count for status, count in begun.items()},
        "memory for each, KiB": (loaded - memory) * 1024 / wanted.clients,
        "kernel's memory for each, KiB": (kernel_loaded - kernel) * 1024 / wanted.clients,
        "RSS before, MiB": memory,
        "RSS with them, MiB": loaded,
        "sent by the nodes for each, KiB": told / 1024 / wanted.clients,
        "processor beside them, share of a core": cpu,
        **alone.rows("alone"),
        **filling.rows("beside them"),
        **full.rows("all buffers full"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=FULL_SECONDS, help="before all buffers are full")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    knobs = {"models": [MODEL], "answer_tokens": TOKENS, "rate": RATE, "slots": SLOTS, "pad": PAD}
    with Fleet(NODES, **knobs) as fleet:
        nodes = {node.name: node.url for node in fleet.nodes}
        with (
            gateway(nodes, slots=SLOTS) as running,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            found = runner.run(measure(fleet, running, wanted))
    print(results.table([f"{wanted.clients} clients that read nothing", ""], found.items()))
    print(results.write("gateway_slow_clients", found, path=wanted.json))


if __name__ == "__main__":
    main()
