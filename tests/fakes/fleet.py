"""A fleet of fake Ollama nodes for tests: ``with Fleet(3) as fleet: fleet.nodes[0].url``.

One process serves all nodes. Every method is a plain call that takes about a millisecond, so that it can stand in
async tests as well, where ``async with Fleet(3) as fleet`` starts and stops without blocking the loop.
"""

import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.fakes.knobs import Counters, Knobs, Request

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0


class FleetError(Exception):
    """The fleet did not start, has ended, or refused what it was asked; the text says which and why."""


def ask(control: str, path: str, fields: dict[str, Any] | None = None) -> Any:
    """One question to the control port.

    Raises:
        FleetError: it does not answer, or says no.
    """
    connection = http.client.HTTPConnection(control.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET" if fields is None else "POST", path, None if fields is None else json.dumps(fields))
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except OSError as error:
        raise FleetError(f"the fleet does not answer on {control}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise FleetError(f"{path} {fields}: {told['error']}")
    return told


@dataclass(frozen=True)
class FakeNode:
    """One node of the fleet, seen from a test."""

    number: int
    url: str
    control: str

    @property
    def name(self) -> str:
        return f"fake-{self.number}"

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def _act(self, verb: str = "", **fields: Any) -> Any:
        return ask(self.control, f"/_ctl/{self.number}{verb}", fields)

    def set(self, **knobs: Any) -> None:
        """Change knobs of ``tests.fakes.knobs.Knobs``; None sets one back to its default.

        Raises:
            FleetError: no such knob, or not such a value.
        """
        self._act("", **knobs)

    def knobs(self) -> Knobs:
        return Knobs.model_validate(ask(self.control, f"/_ctl/{self.number}")["knobs"])

    def counters(self) -> Counters:
        return Counters.model_validate(ask(self.control, f"/_ctl/{self.number}")["counters"])

    def log(self) -> tuple[Request, ...]:
        """The requests seen, probes left out, oldest first."""
        return self.counters().log

    def until(self, true: Callable[[Counters], bool], seconds: float = 20.0) -> Counters:
        """The counters as soon as ``true`` of them.

        Raises:
            FleetError: it did not come true in time; the text holds the last counters.
        """
        deadline = time.monotonic() + seconds
        while not true(told := self.counters()):
            if time.monotonic() > deadline:
                raise FleetError(f"{self.name}: not within {seconds} s; {told.model_dump(exclude={'log'})}")
            time.sleep(0.01)
        return told

    async def until_async(self, true: Callable[[Counters], bool], seconds: float = 20.0) -> Counters:
        """The same, without holding the event loop."""
        return await asyncio.to_thread(self.until, true, seconds)

    def kill(self, how: Literal["fin", "rst"] = "rst") -> None:
        """As when its process dies: no listener, no connections, no work, no models in memory. Counters stay."""
        self._act("/kill", how=how)

    def restart(self) -> None:
        """Listen again on the same port."""
        self.set(listen="up")

    def cut(self, how: Literal["fin", "rst"] = "rst") -> int:
        """End the connections that stand now; how many."""
        return int(self._act("/cut", how=how)["cut"])

    def forget(self) -> None:
        """Free the models in memory that nobody uses."""
        self._act("/forget")

    def reset_counters(self) -> None:
        self._act("/reset")

    def default(self) -> None:
        """Every knob back to its default."""
        self._act("/default")


class Fleet:
    """Starts and ends the process. ``nodes`` is empty before it is entered."""

    def __init__(self, count: int = 1, **knobs: Any) -> None:
        self.count = count
        self.first_knobs = knobs
        self.nodes: tuple[FakeNode, ...] = ()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the process and wait until every node listens.

        Raises:
            FleetError: it ended or did not come up; the text holds what it said.
        """
        with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
            ports = Path(folder, "ports.json")
            self.process = self._spawn(ports)
            told = self._ports(self.process, ports)
        self.nodes = tuple(FakeNode(at, url, told["control"]) for at, url in enumerate(told["nodes"]))
        self.set(**self.first_knobs)
        return self

    def _spawn(self, ports: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.fakes.ollama_fake", "--with-parent"]
        command += ["--nodes", str(self.count), "--port-file", str(ports)]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def _ports(self, process: subprocess.Popen[bytes], ports: Path) -> Any:
        deadline = time.monotonic() + START_SECONDS
        while not ports.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                said = self.stop()
                raise FleetError(f"the fleet did not start (exit {process.returncode}): {said}")
            time.sleep(0.01)
        return json.loads(ports.read_text(encoding="utf-8"))

    def stop(self) -> str:
        """End the process; what it said on standard error."""
        process, self.process, self.nodes = self.process, None, ()
        if process is None:
            return ""
        process.terminate()
        try:
            _, said = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
        return said.decode(errors="replace")

    def set(self, **knobs: Any) -> None:
        """The same knobs on every node."""
        for node in self.nodes:
            node.set(**knobs)

    def default(self) -> None:
        """Every node as at the start: default knobs, then those of the constructor; counters at zero."""
        for node in self.nodes:
            node.default()
            node.set(**self.first_knobs)
            node.cut()
            node.forget()
            node.reset_counters()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        said = self.stop()
        # A fake that fails makes tests lie: what it says is a failure too, unless one is on its way already.
        if said and error is None:
            raise FleetError(f"the fleet complained: {said}")

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, at)
