"""The registry under a cluster's beats: ``./manager.sh bench registry``.

Nodes beat every 2 seconds, 100 watch, one node a second says something new, and one client asks to discover. Measured:
processor of the serving process as a share of one core, and how long a discovery takes as its client sees it. In turns
in this process, over REST on kept connections, and over gRPC; with 1,000 nodes, and with 10,000 for the slope (over
the network these beat every 20 seconds, so that the figure is what the size costs and not the number of calls).
The same load is put on an application that answers nothing, behind the same listener: what is above that is the
registry's own. Beside the share under load stands what one call costs when they come back to back, which says the same
on a machine that others use, too. Prints a table and writes ``registry.json`` beside the other results.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil
import uvloop

from benchmarks.rig import results
from benchmarks.rig.results import ROOT
from cluster_ai.core.ids import Ids
from cluster_ai.core.paths import Home
from cluster_ai.registry.service import Claim, Means, Registry
from cluster_ai.registry.types import Query, Registration, Renewal, Telemetry
from cluster_ai.registry.v1 import registry_pb2 as pb
from tests.ports import free_base

BEAT_SECONDS = 2.0
WATCHERS = 100
CHANGES_A_SECOND = 1.0
ASKS_A_SECOND = 50.0
WARM_SECONDS = 3.0
WAYS = ["process", "floor", "rest", "grpc"]
CALLS = 2000
HANDS = 20
CONNECTIONS = 1000
CHANNELS = 50
GRPC_SERVICE = "cluster_ai.registry.v1.Registry"
HEALTH_SECONDS = 30.0
LEASE_SECONDS = 600.0
"""Over the network: ten thousand register one after the other before the first of them beats."""


def fields(number: int, **more: Any) -> dict[str, Any]:
    """A node as it registers. Every tenth can embed, one in a hundred has a particular model."""
    words = ["chat", "gpu" if number % 2 else "cpu", f"model:m{number % 100}", *(["embed"] if number % 10 == 0 else [])]
    found = {"id": f"n{number}", "kind": "engine", "name": f"node-{number}", "node_id": f"m{number}"}
    return found | {"url": f"http://10.0.{number // 250}.{number % 250}:11434", "capabilities": words} | more


QUESTIONS = ({"capabilities": ["chat"]}, {"kind": "engine"}, {"capabilities": ["chat", "model:m7"]}, {"near": "m5"})
"""Asked in turn: two that all fit, one that few do, one that prefers a place."""


@dataclass
class Ways:
    """One way to the registry, for the load that is the same for all."""

    beat: Callable[[int, float, list[str] | None], Awaitable[Any]]
    """Of that node: its load, and labels when it says something new."""
    discover: Callable[[dict[str, Any]], Awaitable[Any]]


class Load:
    """Beats, news and questions for ``seconds`` after a warm-up."""

    def __init__(self, ways: Ways, *, nodes: int, pause: float, seconds: float) -> None:
        self._ways = ways
        self._nodes = nodes
        self._pause = pause
        self._seconds = seconds
        self._rng = random.Random(7)
        self._clock = asyncio.get_running_loop().time
        self._warm = self._clock() + WARM_SECONDS
        self._end = self._warm + seconds
        self._latest = 0.0
        self._beats = 0
        self._took: list[float] = []

    async def run(self, cpu: Callable[[], float]) -> dict[str, float]:
        """``cpu`` tells the processor seconds that the serving process used so far."""
        async with asyncio.TaskGroup() as tasks:
            hands = min(self._nodes, CONNECTIONS)
            for first in range(hands):
                tasks.create_task(self._beat(range(first, self._nodes, hands)))
            tasks.create_task(self._change())
            tasks.create_task(self._ask())
            share = tasks.create_task(self._measure(cpu))
        return {
            "processor, share of a core": share.result(),
            "beats a second": self._beats / self._seconds,
            "discover p50, ms": results.percentile(self._took, 0.5) * 1000,
            "discover p99, ms": results.percentile(self._took, 0.99) * 1000,
            "latest beat, ms": self._latest * 1000,
        }

    async def _beat(self, numbers: range) -> None:
        """These nodes, one after the other, all of them once in a pause."""
        step = self._pause / len(numbers)
        at = self._clock() + self._rng.random() * step
        for number in itertools.cycle(numbers):
            await asyncio.sleep(max(0.0, at - self._clock()))
            if at >= self._end:
                return
            self._latest = max(self._latest, self._clock() - at)
            await self._ways.beat(number, self._rng.random(), None)
            self._beats += self._clock() > self._warm
            at += step

    async def _change(self) -> None:
        for number in itertools.count():
            await asyncio.sleep(1 / CHANGES_A_SECOND)
            if self._clock() >= self._end:
                return
            await self._ways.beat(number % self._nodes, 0.5, [f"said={number}"])

    async def _ask(self) -> None:
        for question in itertools.cycle(QUESTIONS):
            await asyncio.sleep(1 / ASKS_A_SECOND)
            began = self._clock()
            if began >= self._end:
                return
            await self._ways.discover(dict(question))
            if began > self._warm:
                self._took.append(self._clock() - began)

    async def _measure(self, cpu: Callable[[], float]) -> float:
        await asyncio.sleep(WARM_SECONDS)
        before, since = cpu(), self._clock()
        await asyncio.sleep(self._seconds)
        return (cpu() - before) / (self._clock() - since)


# -- in process


async def in_process(nodes: int, pause: float, seconds: float) -> dict[str, float]:
    registry = Registry(Means(time.monotonic, time.time, Ids()))
    claim = Claim("bench")
    lease = max(5.0, 2.5 * pause)
    for number in range(nodes):
        registry.register(Registration(**fields(number), lease_seconds=lease), claim)
    took: list[float] = []
    worked: list[float] = []

    async def beat(number: int, load: float, labels: list[str] | None) -> None:
        said = Renewal(telemetry=Telemetry(load=load), labels=None if labels is None else frozenset(labels))
        registry.renew(f"n{number}", said, claim)

    async def discover(question: dict[str, Any]) -> None:
        query = Query(**question)
        started, busy = time.perf_counter(), time.thread_time()
        registry.discover(query)
        took.append(time.perf_counter() - started)
        worked.append(time.thread_time() - busy)

    async def watch(watcher: Any) -> None:
        while True:
            await watcher.batch()

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(registry.running())
        watching = [asyncio.create_task(watch(stack.enter_context(registry.watch()))) for _ in range(WATCHERS)]
        # The load itself runs in this process, too: its own cost is measured without a registry, and taken off.
        idle = await Load(Ways(_nothing, _nothing), nodes=nodes, pause=pause, seconds=seconds / 2).run(_own_cpu)
        found = await Load(Ways(beat, discover), nodes=nodes, pause=pause, seconds=seconds).run(_own_cpu)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    name = "processor, share of a core"
    return found | {
        name: found[name] - idle[name],
        "discover p50, ms": results.percentile(took, 0.5) * 1000,
        "discover p99, ms": results.percentile(took, 0.99) * 1000,
        "discover p99, ms of processor": results.percentile(worked, 0.99) * 1000,
    }


async def _nothing(*_: Any) -> None:
    pass


def _own_cpu() -> float:
    return time.process_time()


# -- over the network


@dataclass(frozen=True)
class Api:
    """The API process."""

    base: int
    token: str
    process: psutil.Process

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def api(profile: Path | None = None) -> Iterator[Api]:
    """The real API process, with a home of its own."""
    base = free_base()
    with tempfile.TemporaryDirectory(prefix="cluster-ai-bench-") as folder:
        home = Home(Path(folder) / "home")
        home.make()
        env = {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base)}
        program = ["backend.serve"] if profile is None else ["benchmarks.rig.profiled", str(profile)]
        with _process([*program, "api"], env, port=base, path="/health") as process:
            yield Api(base, home.internal_secret(), process)


@contextmanager
def floor() -> Iterator[Api]:
    """An application that answers nothing, on the same listener."""
    port = free_base()
    with _process(["benchmarks.rig.floor", str(port)], {}, port=port, path="/") as process:
        yield Api(port, "nobody", process)


@contextmanager
def _process(words: list[str], more: dict[str, str], *, port: int, path: str) -> Iterator[psutil.Process]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    env |= {"PYTHONPATH": str(ROOT)} | more
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen([sys.executable, "-m", *words], env=env, stdout=log, stderr=log, cwd=ROOT)
        try:
            _await(f"http://127.0.0.1:{port}{path}", started)
            yield psutil.Process(started.pid)
        finally:
            started.terminate()
            started.wait(timeout=40)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + HEALTH_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nobody serves {url}")


class Line(asyncio.Protocol):
    """One kept HTTP connection, one request at a time; as little as possible, because it is measured with."""

    def __init__(self) -> None:
        self._got = b""
        self._answer: asyncio.Future[bytes] | None = None
        self.streamed = 0
        """Bytes of an answer without a length."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.streamed += len(data)
            return
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if found:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
            if len(body) >= length:
                self._got = body[length:]
                answer, self._answer = self._answer, None
                answer.set_result(head[9:12] + b" " + body[:length])

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"lost: {exc}"))

    async def ask(self, head: bytes, body: bytes = b"") -> bytes:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = await self._answer
        if not answer.startswith(b"2"):
            raise SystemExit(f"refused: {answer[:300]!r}")
        return answer

    def open_stream(self, head: bytes) -> None:
        self._transport.write(head + b"\r\n")


class Rest:
    """Kept connections to the API."""

    def __init__(self, found: Api) -> None:
        self._api = found
        self._lines: list[Line] = []
        self.watches: list[Line] = []

    async def connect(self, count: int) -> None:
        self._lines = [await self._line() for _ in range(count)]

    async def _line(self) -> Line:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(Line, "127.0.0.1", self._api.base)
        return line

    def _head(self, method: str, path: str) -> bytes:
        rows = (
            f"{method} /api/v1/registry{path} HTTP/1.1",
            f"Host: 127.0.0.1:{self._api.base}",
            f"Authorization: Bearer {self._api.token}",
            "Content-Type: application/json",
        )
        return "".join(f"{row}\r\n" for row in rows).encode()

    async def register(self, hand: int, number: int) -> None:
        body = json.dumps(fields(number, lease_seconds=LEASE_SECONDS)).encode()
        await self._lines[hand].ask(self._head("POST", "/instances"), body)

    async def watch(self) -> None:
        line = await self._line()
        line.open_stream(self._head("GET", "/watch"))
        self.watches.append(line)

    async def beat(self, number: int, load: float, labels: list[str] | None) -> None:
        said: dict[str, Any] = {"telemetry": {"load": round(load, 3)}} | ({} if labels is None else {"labels": labels})
        # News come on a connection of their own: a node asks one thing at a time.
        line = self._lines[-2] if labels is not None else self._lines[number % (len(self._lines) - 2)]
        await line.ask(self._head("PUT", f"/instances/n{number}/heartbeat"), json.dumps(said).encode())

    async def discover(self, question: dict[str, Any]) -> None:
        await self._lines[-1].ask(self._head("POST", "/discover"), json.dumps(question).encode())


async def over_rest(nodes: int, pause: float, seconds: float, profile: Path | None = None) -> dict[str, float]:
    with api(profile) as found:
        rest = Rest(found)
        await rest.connect(HANDS)
        await registered(nodes, rest.register)
        for _ in range(WATCHERS):
            await rest.watch()
        await settled(lambda: sum(line.streamed for line in rest.watches))
        await rest.connect(min(nodes, CONNECTIONS) + 2)
        before = [line.streamed for line in rest.watches]
        ways = Ways(rest.beat, rest.discover)
        told = await Load(ways, nodes=nodes, pause=pause, seconds=seconds).run(found.cpu)
        heard = [line.streamed - was for line, was in zip(rest.watches, before, strict=True)]
        assert min(heard) > 0, "every watcher was told the news"
        told |= {"RSS, MiB": found.memory(), "idle, share of a core": await idle_share(found)}
        return told | await back_to_back(ways, found, nodes=nodes)


async def over_the_floor(nodes: int, pause: float, seconds: float) -> dict[str, float]:
    """The same calls, answered with nothing; nobody watches."""
    with floor() as found:
        rest = Rest(found)
        await rest.connect(min(nodes, CONNECTIONS) + 2)
        ways = Ways(rest.beat, rest.discover)
        told = await Load(ways, nodes=nodes, pause=pause, seconds=seconds).run(found.cpu)
        return told | {"RSS, MiB": found.memory()} | await back_to_back(ways, found, nodes=nodes)


async def back_to_back(ways: Ways, found: Api, *, nodes: int) -> dict[str, float]:
    """Microseconds of the server's processor for one call, when the next comes at once."""
    costs: dict[str, float] = {}
    for name, call in (
        ("a beat", lambda number: ways.beat(number % min(nodes, 50), 0.5, None)),
        ("a discovery", lambda number: ways.discover(dict(QUESTIONS[number % len(QUESTIONS)]))),
    ):
        before = found.cpu()
        for number in range(CALLS):
            await call(number)
        costs[f"{name} back to back, us of processor"] = (found.cpu() - before) / CALLS * 1e6
    return costs


async def registered(nodes: int, register: Callable[[int, int], Awaitable[None]]) -> None:
    """All of them, some at a time."""

    async def some(hand: int) -> None:
        for number in range(hand, nodes, HANDS):
            await register(hand, number)

    await asyncio.gather(*map(some, range(HANDS)))


async def settled(heard: Callable[[], int]) -> None:
    """Returns when watchers have all that was there."""
    before = -1
    while (now := heard()) != before or now == 0:
        before = now
        await asyncio.sleep(1)


async def idle_share(found: Api) -> float:
    """What the same process needs when nobody asks anything."""
    before, since = found.cpu(), time.monotonic()
    await asyncio.sleep(5)
    return (found.cpu() - before) / (time.monotonic() - since)


class Grpc:
    """Channels to the API, each a connection of its own."""

    def __init__(self, found: Api, count: int) -> None:
        options = (("grpc.use_local_subchannel_pool", 1),)
        self.channels = [grpc.aio.insecure_channel(f"127.0.0.1:{found.base + 6}", options) for _ in range(count)]
        self._metadata = (("authorization", f"Bearer {found.token}"),)
        self._renew = [self._verb(channel, "Renew", pb.RenewReply) for channel in self.channels]
        self._discover = self._verb(self.channels[-1], "Discover", pb.Found)
        self._register = self._verb(self.channels[-1], "Register", pb.Instance)

    def _verb(self, channel: Any, name: str, reply: Any) -> Any:
        return channel.unary_unary(
            f"/{GRPC_SERVICE}/{name}", request_serializer=_bytes, response_deserializer=reply.FromString
        )

    async def register(self, _hand: int, number: int) -> None:
        request = pb.RegisterRequest(**fields(number, lease_seconds=LEASE_SECONDS))
        await self._register(request, metadata=self._metadata)

    async def beat(self, number: int, load: float, labels: list[str] | None) -> None:
        said = pb.RenewRequest(id=f"n{number}", telemetry=pb.Telemetry(load=load))
        if labels is not None:
            said.labels.items.extend(labels)
        await self._renew[number % len(self._renew)](said, metadata=self._metadata)

    async def discover(self, question: dict[str, Any]) -> None:
        await self._discover(pb.Query(**question), metadata=self._metadata)

    async def watch(self, number: int, heard: list[int]) -> None:
        call = self.channels[number % len(self.channels)].unary_stream(
            f"/{GRPC_SERVICE}/Watch", request_serializer=_bytes, response_deserializer=pb.Changes.FromString
        )
        async for changes in call(pb.WatchRequest(), metadata=self._metadata):
            heard[number] += len(changes.items)


def _bytes(message: Any) -> bytes:
    wire: bytes = message.SerializeToString()
    return wire


async def over_grpc(nodes: int, pause: float, seconds: float, profile: Path | None = None) -> dict[str, float]:
    with api(profile) as found:
        client = Grpc(found, CHANNELS + 1)
        await registered(nodes, client.register)
        heard = [0] * WATCHERS
        watching = [asyncio.create_task(client.watch(number, heard)) for number in range(WATCHERS)]
        await settled(lambda: sum(heard))
        before = list(heard)
        ways = Ways(client.beat, client.discover)
        told = await Load(ways, nodes=nodes, pause=pause, seconds=seconds).run(found.cpu)
        assert all(now > was for now, was in zip(heard, before, strict=True)), "every watcher was told the news"
        told |= {"RSS, MiB": found.memory(), "idle, share of a core": await idle_share(found)}
        told |= await back_to_back(ways, found, nodes=nodes)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for channel in client.channels:
            await channel.close()
        return told


async def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for way in wanted.ways:
        for nodes in wanted.nodes:
            if way == "process":
                told = await in_process(nodes, BEAT_SECONDS, wanted.seconds)
            elif way == "floor":
                told = await over_the_floor(nodes, BEAT_SECONDS * max(1.0, nodes / 1000), wanted.seconds)
            else:
                over = over_rest if way == "rest" else over_grpc
                # The calls of a thousand nodes, whatever their number.
                told = await over(nodes, BEAT_SECONDS * max(1.0, nodes / 1000), wanted.seconds, wanted.profile)
            found[f"{way}, {nodes} nodes"] = told
            print(f"{way}, {nodes} nodes:", {name: results.shown(value) for name, value in told.items()}, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--profile", type=Path, help="where the API's profile goes; it is slower then")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure(wanted))
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    print(results.table(["", *found], ([name, *(row.get(name) for row in found.values())] for name in names)))
    print(results.write("registry", found, path=wanted.json))


if __name__ == "__main__":
    main()
