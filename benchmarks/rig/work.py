"""A small cluster of real processes for what is measured and broken about tickets: API, scheduler, workers, database.

Each part is the one that the supervisor starts; here whoever breaks it starts it again, so that the instant is theirs.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.core.postgres import Postgres
from tests.waiting import until

ROOT: Final = Path(__file__).parents[2]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Cluster:
    """``base``: its ports. ``modules``: those whose functions tickets may call."""

    home: Path
    base: int
    workers: int = 1
    threads: int = 2
    modules: tuple[str, ...] = ()
    postgres: Postgres | None = None
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        if self.postgres is not None:
            self.postgres.make()
            self.postgres.start()
        self.start("api")
        self.start("scheduler")
        for number in range(self.workers):
            self.start(f"worker-{number}")
        until(self.is_whole, seconds=30, what="the cluster is there")
        return self

    def __exit__(self, *_exc: object) -> None:
        for name in sorted(self.processes, reverse=True):
            self._end(self.processes[name])
        if self.postgres is not None:
            self.postgres.remove()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.base}"

    def parts(self) -> list[str]:
        """What can be broken."""
        return [*self.processes, *(["postgres"] if self.postgres is not None else [])]

    def start(self, part: str) -> None:
        kind, _, number = part.partition("-")
        modules = {"api": ["backend.serve", "api"], "scheduler": ["cluster_ai.serve", "scheduler"]}
        argv = modules.get(kind, ["cluster_ai.serve", "worker", number])
        log = (self.home / f"{part}.out").open("ab")
        with log:
            self.processes[part] = subprocess.Popen(
                [sys.executable, "-m", *argv], env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, part: str) -> None:
        """``kill -9``."""
        if part == "postgres":
            assert self.postgres is not None
            self.postgres.kill()
            return
        self.processes[part].kill()
        self.processes[part].wait()

    def restart_dead(self) -> None:
        """As the supervisor does: what ended is started again."""
        if self.postgres is not None and not listens(self.postgres.port):
            # While the last of its processes is still going, it refuses; and is asked again.
            with contextlib.suppress(subprocess.CalledProcessError):
                self.postgres.start()
        for part, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(part)

    def is_whole(self) -> bool:
        """Every part answers; what ended meanwhile is started."""
        self.restart_dead()
        try:
            found = self.call("GET", "/api/v1/workers")
        except (OSError, ValueError):
            return False
        return len(found.get("items", found) if isinstance(found, dict) else found) >= self.workers

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The API's answer.

        Raises:
            urllib.error.HTTPError: it refused.
            OSError: it is away.
        """
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.url + path, raw, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"{}")

    @property
    def token(self) -> str:
        return (self.home / "secrets" / "internal.token").read_text().strip()

    def environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CLUSTER_AI_")}
        env |= {
            "CLUSTER_AI_HOME": str(self.home),
            "CLUSTER_AI_PORT_BASE": str(self.base),
            "CLUSTER_AI_COMPUTE__WORKERS": str(self.workers),
            "CLUSTER_AI_COMPUTE__THREADS": str(self.threads),
            "CLUSTER_AI_COMPUTE__WORKER_SATURATION": "1000",
            "CLUSTER_AI_EXECUTORS__MODULES": json.dumps(self.modules),
            "PYTHONPATH": str(ROOT),
            **self.settings,
        }
        if self.postgres is not None:
            env["CLUSTER_AI_DATABASE_URL"] = self.postgres.url
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def cluster(folder: Path, base: int, **more: Any) -> Iterator[Cluster]:
    """A cluster below ``folder`` at ``base``."""
    with Cluster(folder / "home", base, **more) as made:
        yield made
