"""A cluster as it stands in a house: a head and machines that joined it by a line, each a machine of its own.

Driven only through what people have: the CLI on each machine, and HTTP on the head. The machines' model engine is a fake
Ollama on their loopback, so that answers and their pace are known.
"""

import contextlib
import http.client
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.fakes.fleet import ask
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.lan.running import Running
from tests.waiting import until

API, GATEWAY, SCHEDULER = 8000, 11_435, 8786
MODEL = "smollm2:135m"
SLOW = 240
"""Seconds that a start may take on a box that does much else."""


class Member:
    """A machine and the program on it. ``settings`` is its ``config.toml``."""

    def __init__(self, machine: Machine, settings: str) -> None:
        self.machine = machine
        self.home = machine.home / "cluster"
        self.home.mkdir()
        (self.home / "config.toml").write_text(settings)
        self.up: Running | None = None

    @property
    def env(self) -> dict[str, str]:
        return {"CLUSTER_AI_HOME": str(self.home), "NO_COLOR": "1"}

    def cli(self, *words: str, check: bool = True, seconds: float = SLOW) -> subprocess.CompletedProcess[str]:
        """``cluster-ai`` on that machine, to its end."""
        return self.machine.run(["cluster-ai", *words], env=self.env, check=check, seconds=seconds)

    def start(self) -> None:
        self.up = self.machine.start(["cluster-ai", "up"], env=self.env)

    def stop(self) -> None:
        assert self.up
        self.up.end(40)

    def kill(self) -> None:
        """Every process of the program at once, as when its power is cut; what else runs there goes on."""
        assert self.up
        top = self.up.process
        for process in (top, *top.children(recursive=True)):
            # Some end by themselves when those above them are gone.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.up.wait()

    def processes(self, words: str) -> list[psutil.Process]:
        """Those of the machine whose command has these words."""
        return [one for one in self.machine.pids() if words in _command(one)]


def _command(process: psutil.Process) -> str:
    # It may have ended since it was listed.
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


class House:
    """``head`` serves; ``members`` by name have joined and work."""

    def __init__(self, lan: Lan, *, settings: str = "", prepare: Callable[[Path], None] | None = None) -> None:
        """``prepare`` is given the head's data directory before it starts."""
        self.lan = lan
        head = lan.machine("head")
        own = f'[machines]\nbind = "{head.address}"\n[node]\nenabled = false\n[compute]\nworkers = 0\n'
        self.head = Member(head, own + settings)
        # A cluster that others reach is opened only by whoever chose a password.
        password = self.head.home / "secrets" / "admin-password"
        password.parent.mkdir(mode=0o700)
        password.write_text("correct horse battery staple\n")
        password.chmod(0o600)
        if prepare:
            prepare(self.head.home)
        self.members: dict[str, Member] = {}
        self.head.start()
        self._come_up()

    def _come_up(self) -> None:
        try:
            until(lambda: self.get("/api/v1/machines"), seconds=SLOW, what="the head serves", bears=(OSError, KeyError))
        except AssertionError as no:
            raise AssertionError(f"{no}: {self.head.cli('status', check=False).stdout}{self._last_words()}") from no

    def _last_words(self) -> str:
        log = self.head.home / "logs" / "backend.log"
        return log.read_text()[-1500:] if log.exists() else ""

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request to the API from the head itself; its status and answer."""
        status, _, answer = self._ask(API, method, path, body)
        return status, answer

    def ask_gateway(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        """A request to the gateway; its status, headers (in small letters) and whole answer."""
        return self._ask(GATEWAY, "POST", path, body)

    def _ask(self, port: int, method: str, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        with self.head.machine.socket() as sock:
            sock.settimeout(SLOW)
            sock.connect(("127.0.0.1", port))
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.sock = sock
            token = (self.head.home / "secrets" / "internal.token").read_text().strip()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Connection": "close"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, json.loads(answer.read() or b"null")

    def get(self, path: str) -> Any:
        """What the API answers.

        Raises:
            KeyError: it answered with an error.
            OSError: it does not answer.
        """
        status, answer = self.call("GET", path)
        if status != 200:
            raise KeyError(f"{path}: {status}: {answer}")
        return answer

    def line(self) -> str:
        """A new join line, from the head's CLI."""
        return json.loads(self.head.cli("node", "invite", "--json").stdout)["line"]

    def join(self, name: str, *, labels: tuple[str, ...] = ()) -> Member:
        """A new machine with a model engine joins by a line, and works."""
        machine = self.lan.machine(name)
        # A clock that is right, but can be set wrong while everything runs.
        machine.clock(0)
        engine = f"http://127.0.0.1:{fake_ollama(machine)}"
        member = Member(
            machine, f'[agent]\nengine = "ollama"\nollama_url = "{engine}"\n[compute]\nmemory_limit = "512MiB"\n'
        )
        line = member.home / "line"
        line.write_text(self.line())
        named = [word for label in labels for word in ("--label", label)]
        member.cli("agent", "join", "--line-file", str(line), "--name", name, *named)
        member.start()
        self.members[name] = member
        return member

    def settle(self, seconds: float = SLOW) -> None:
        """Every member is healthy, serves its models and has a Dask worker."""
        until(
            lambda: {*self.members} <= self.healthy() & self.serving() & self.working(),
            seconds=seconds,
            what=f"all of {sorted(self.members)} are there",
            bears=(OSError, KeyError),
        )

    def state(self, name: str) -> str:
        """As the head has heard it."""
        return str(self.get(f"/api/v1/machines/{name}")["state"])

    def healthy(self) -> set[str]:
        """Names of machines that report."""
        return {found["name"] for found in self.get("/api/v1/machines")["items"] if found["state"] == "healthy"}

    def serving(self) -> set[str]:
        """... that the gateway gives calls to."""
        return {found["name"] for found in self.get("/api/v1/nodes")["items"] if found["state"] == "healthy"}

    def working(self) -> set[str]:
        """... that have a Dask worker."""
        names = {found["name"] for found in self.get("/api/v1/compute")["workers"]}
        return {name for name in self.members if any(worker.startswith(f"{name}-") for worker in names)}


def fake_ollama(machine: Machine, **knobs: Any) -> int:
    """Starts one on the machine's loopback; its port."""
    told = machine.folder / "ollama.json"
    machine.start(["python", "-m", "tests.fakes.ollama_fake", "--nodes", "1", "--port-file", told])
    ports = json.loads(until(lambda: told.exists() and told.read_text(), what="the engine listens"))
    control(machine, **knobs)
    return int(ports["nodes"][0].rpartition(":")[2])


def control(machine: Machine, **knobs: Any) -> Any:
    """Sets knobs of the machine's engine; answers how it stands."""
    url = json.loads((machine.folder / "ollama.json").read_text())["control"]
    return machine.within(lambda: ask(url, "/_ctl/0", knobs))
