"""One attempt as a worker makes it: a real child process on a real order, below limits of our own."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster_ai.executors.contract import Limits, Order, Result

ROOT = Path(__file__).parents[2]
MIB = 1024**2


@dataclass
class Said:
    """All that a child said."""

    result: Result | None = None
    progress: list[float] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def take(self, line: bytes) -> None:
        words = json.loads(line)
        assert self.result is None, "the result is the last word"
        if "progress" in words:
            self.progress.append(words["progress"])
        elif "log" in words:
            self.logs.append(words["log"])
        else:
            self.result = Result.model_validate(words["result"])


@dataclass
class Bench:
    """Where tickets of one test lie, and what the machine grants them."""

    folder: Path
    grants: dict[str, Any] = field(default_factory=dict)

    def ticket(self, name: str = "t1") -> Path:
        return self.folder / "tickets" / name

    def write(self, order: Order) -> Path:
        ticket = self.ticket(order.ticket_id)
        ticket.mkdir(parents=True, exist_ok=True)
        (ticket / "order.json").write_text(order.model_dump_json(), encoding="utf-8")
        return ticket

    @property
    def env(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        granted = {"free_disk_mib": 0, **self.grants}
        named = {f"CLUSTER_AI_EXECUTORS__{name.upper()}": _text(value) for name, value in granted.items()}
        return {**os.environ, "PYTHONPATH": str(ROOT), "CLUSTER_AI_HOME": str(home), **named}

    @contextmanager
    def started(self, order: Order) -> Iterator["subprocess.Popen[bytes]"]:
        """The child with one order, in a group of its own as workers start it; killed with its group at the end."""
        with self.working() as process:
            give(process, 1, self.write(order))
            assert process.stdin
            process.stdin.close()
            yield process

    @contextmanager
    def working(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The child, with no order yet."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cluster_ai.executors.child"],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_bounded,  # noqa: PLW1509 - no thread of a test holds a lock that it needs
        )
        assert process.stdin
        assert process.stdout
        with process.stdin, process.stdout:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def attempt(self, kind: str, parameters: dict[str, Any], **more: Any) -> Said:
        """To its end."""
        said = Said()
        with self.started(order(kind, parameters, **more)) as process:
            assert process.stdout
            for line in process.stdout:
                said.take(line)
            assert process.wait(60) == 0
        assert said.result is not None
        return said

    def result(self, kind: str, parameters: dict[str, Any], **more: Any) -> Result:
        result = self.attempt(kind, parameters, **more).result
        assert result is not None
        return result


def give(process: "subprocess.Popen[bytes]", number: int, folder: Path) -> None:
    """Feeds it an order."""
    assert process.stdin
    process.stdin.write(json.dumps({"of": number, "folder": str(folder)}).encode() + b"\n")
    process.stdin.flush()


def order(kind: str, parameters: dict[str, Any], *, ticket: str = "t1", limits: Any = None, **more: Any) -> Order:
    wanted = {"seconds": 60.0, **(limits or {})}
    key = more.pop("key", f"key-of-{ticket}")
    return Order(
        ticket_id=ticket, attempt=1, kind=kind, key=key, parameters=parameters, limits=Limits(**wanted), **more
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _bounded() -> None:
    """Should a sandbox not hold, this does: an attack of a test must not fill the machine."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20 * 1024 * MIB, 20 * 1024 * MIB))
    resource.setrlimit(resource.RLIMIT_NPROC, (4000, 4000))
