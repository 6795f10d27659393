"""The overview's view of the scheduler: cheap while it lives, honest and quick while it does not."""

import asyncio
import contextlib
import os
import pickle
import signal
import socketserver
import struct
import threading
import time
from pathlib import Path

import msgpack
import pytest
from distributed import Client

from cluster_ai.compute.types import ComputeView
from cluster_ai.compute.watch import SchedulerWatch
from tests.compute.parts import PATIENCE, Dask, dask, free_ports
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


def view(address: str) -> ComputeView:
    """What it answers, as soon as it has time to."""

    async def once() -> ComputeView:
        async with SchedulerWatch(address, "http://dash/status") as watch:
            return await comes_back(watch)

    return asyncio.run(once())


def test_workers_and_tasks_are_seen(cluster: Dask) -> None:
    with Client(cluster.address, set_as_default=False) as client:
        client.gather(client.map(str.upper, ["a", "b", "c"], pure=False, key=["shout-1", "shout-2", "shout-3"]))
        wrong = client.submit(int, "x", key="fail-1")
        assert wrong.exception(timeout=PATIENCE)
        seen = view(cluster.address)
    assert seen.reachable
    assert seen.dashboard == "http://dash/status"
    assert [worker.name for worker in seen.workers] == ["worker-0", "worker-1"]
    first = seen.workers[0]
    assert first.address == f"tcp://127.0.0.1:{cluster.worker_ports(0)[0]}"
    assert (first.threads, first.memory_limit, first.host) == (1, 1 << 30, "127.0.0.1")
    assert first.memory > 10_000_000
    assert first.last_seen_seconds < PATIENCE
    tasks = {task.prefix: task for task in seen.tasks}
    assert tasks["shout"].finished == 3
    assert tasks["fail"].erred == 1


def test_finished_tasks_are_counted_after_their_client_left(cluster: Dask) -> None:
    with Client(cluster.address, set_as_default=False) as client:
        client.gather(client.map(abs, range(5), key=[f"left-{n}" for n in range(5)]))

    def counted() -> bool:
        return {task.prefix: task.finished for task in view(cluster.address).tasks}.get("left") == 5

    until(counted, seconds=PATIENCE, what="five finished")


def test_nobody_there_is_said_at_once() -> None:
    async def once() -> ComputeView:
        async with SchedulerWatch(f"127.0.0.1:{free_ports(1)[0]}", "") as watch:
            return await watch.view()

    seen = asyncio.run(once())
    assert not seen.reachable
    assert seen.error == "connection refused", "and not that time was up"


def frames(*parts: bytes) -> bytes:
    """Bytes in the form of Dask's messages."""
    lengths = struct.pack(f"<{len(parts) + 1}Q", len(parts), *map(len, parts))
    return struct.pack("<Q", len(lengths) + sum(map(len, parts))) + lengths + b"".join(parts)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 64,
        b"\xff" * 64,
        frames(b"x"),
        frames(msgpack.packb({"a": 1})),
        frames(msgpack.packb([1, 2, 3])),
        frames(msgpack.packb({"compression": None, "python": [3, 11], "pickle-protocol": 4})),
        frames(pickle.dumps(print)),
        b"",
    ],
    ids=["http", "zeros", "ones", "short", "a dict", "a list", "other versions", "a pickle", "silence"],
)
def test_something_else_on_the_port_is_no_scheduler(answer: bytes) -> None:
    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(answer)
                while self.request.recv(1000):
                    self.request.sendall(answer)

    async def story(port: int) -> None:
        async with SchedulerWatch(f"127.0.0.1:{port}", "") as watch:
            for _ in range(2):
                seen = await watch.view()
                assert not seen.reachable
                assert seen.error

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            asyncio.run(story(server.server_address[1]))
        finally:
            server.shutdown()
            thread.join()


def test_scheduler_that_dies_freezes_and_comes_back(tmp_path: Path) -> None:
    async def story(parts: Dask) -> None:
        async with SchedulerWatch(parts.address, "") as watch:
            await comes_back(watch)
            assert parts.scheduler
            os.kill(parts.scheduler.pid, signal.SIGSTOP)
            seen = await watch.view()
            assert (seen.reachable, seen.error) == (False, "no answer within 1.5 s")
            os.kill(parts.scheduler.pid, signal.SIGCONT)
            await comes_back(watch)
            parts.scheduler.kill()
            parts.scheduler.wait()
            assert not (await watch.view()).reachable
            assert (await watch.view()).error == "connection refused"
            await asyncio.to_thread(parts.start_scheduler)
            await comes_back(watch)

    with dask(tmp_path, workers=0) as parts:
        asyncio.run(story(parts))


async def comes_back(watch: SchedulerWatch) -> ComputeView:
    """What it says once the scheduler has time for it."""
    async with asyncio.timeout(PATIENCE):
        while not (seen := await watch.view()).reachable:
            await asyncio.sleep(0.05)
        return seen


def test_a_look_costs_little(cluster: Dask) -> None:
    async def cost() -> float:
        async with SchedulerWatch(cluster.address, "") as watch:
            await watch.view()
            before = time.process_time()
            for _ in range(20):
                await watch.view()
            return (time.process_time() - before) / 20

    seconds = asyncio.run(cost())
    print(f"{seconds * 1000:.2f} ms of CPU a look")
    assert seconds < 0.1
