"""``kill -9`` of a gateway: its own streams break, and nobody else is refused."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster_ai.core.paths import Home
from cluster_ai.supervisor.types import PartState
from tests.fakes.fleet import Fleet
from tests.gateway.restart.clients import ask, client, spread
from tests.gateway.restart.conftest import ROOT, Stage, written
from tests.ports import free_base
from tests.waiting import until

pytestmark = [pytest.mark.real]


def test_new_requests_wait_for_the_next_process_instead_of_being_refused(gateway: Stage, nodes: Fleet) -> None:
    old = gateway.pid()

    async def run() -> tuple[list[bool], list[int], float]:
        async with client() as session:
            streams = await spread(session, gateway.url, count=40, seconds=1, tokens=200)
            os.kill(old, signal.SIGKILL)
            killed, first = time.monotonic(), 0.0
            statuses = []
            while len(statuses) < 40:
                statuses += await asyncio.gather(*(ask(session, gateway.url) for _ in range(8)))
                first = first or time.monotonic() - killed
            # What the killed process had asked for is not written to the end for nobody.
            seen = [await node.until_async(lambda seen: seen.in_flight == 0) for node in nodes.nodes]
            assert sum(one.cancelled for one in seen) >= len(streams)
            return [one.is_whole for one in await asyncio.gather(*streams)], statuses, first

    whole, statuses, first = asyncio.run(run())
    assert not any(whole), "every stream of the killed process is seen to be broken"
    assert set(statuses) == {200}
    print(f"first answers {first:.2f} s after the kill")
    assert gateway.part().last_exit == "SIGKILL"


def test_a_gateway_that_cannot_live_lets_nobody_wait(gateway: Stage) -> None:
    gateway.home.config.write_text("[gateway\n")
    os.kill(gateway.pid(), signal.SIGKILL)
    until(lambda: gateway.part().state is PartState.FAILED, seconds=60, what="the supervisor has given up")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port), timeout=2)
    gateway.home.config.write_text(written(gateway.fleet.nodes, {}))
    asyncio.run(gateway.control.restart("gateway"))
    gateway.wait_ready()
    assert gateway.get("/-/ready")[0] == 200


def test_the_socket_may_come_from_systemd(tmp_path: Path, nodes: Fleet) -> None:
    home = Home(tmp_path / "home")
    home.make()
    home.config.write_text(written(nodes.nodes, {}))
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CLUSTER_AI_", "LISTEN_"))}
    env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(free_base()), "PYTHONPATH": str(ROOT)}
    # The first connection is made before there is any process, as with socket activation.
    with socket.create_server(("127.0.0.1", 0)) as sock, socket.create_connection(sock.getsockname()) as caller:
        code = (
            "import os, sys; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
            f"os.dup2({sock.fileno()}, 3); os.execv(sys.executable, [sys.executable, '-m', 'backend.serve', 'gateway'])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=env, pass_fds=(sock.fileno(),), stderr=subprocess.DEVNULL
        )
        try:
            caller.settimeout(20)
            caller.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert caller.recv(100).startswith(b"HTTP/1.1 200")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
