"""The second rung, and the way to run a program of an image: a container of docker or podman."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cluster_ai.executors.sandbox.inside import DOOR, DOOR_FILE, FOLDER, HELPER, SOCKET, THROUGH_THE_DOOR, TMP
from cluster_ai.executors.sandbox.limiting import OVERHEAD, SLACK
from cluster_ai.executors.sandbox.types import Command, Job

ENGINES: Final = ("docker", "podman")
_PASSED: Final = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT"),
    *("CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
)
ANSWER_SECONDS: Final = 10.0
ENVIRONMENT: Final = {"HOME": TMP, "TMPDIR": TMP, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True, slots=True)
class Container:
    """``engine``: the path of its program. ``image``: for jobs that name none."""

    engine: str
    image: str
    name: str = "container"

    def command(self, job: Job, uid: int | None) -> Command:
        called = f"cluster-ai-{secrets.token_hex(8)}"
        user = str(os.getuid() if uid is None else uid)
        argv = [self.engine, "run", "--rm", "--name", called, "--pull", "never", *_walls(job, user), *_mounts(job)]
        # As one of many of its user it would count them all; a user of its own has none but these.
        own = job.bounds.processes + OVERHEAD if uid is not None else None
        argv += ["--ulimit", f"nproc={own}:{own}"] if own is not None else []
        for name, value in {**ENVIRONMENT, **job.env}.items():
            argv += ["--env", f"{name}={value}"]
        door = THROUGH_THE_DOOR if job.socket else ()
        argv += ["--entrypoint", "", job.image or self.image, *door, *job.argv]
        # The processes are the engine's children, not ours: a signal to our group does not reach them.
        return Command(
            argv, _own_environment(), uid, end=((self.engine, "kill", called), (self.engine, "rm", "--force", called))
        )


def _walls(job: Job, user: str) -> Iterable[str]:
    bounds = job.bounds
    yield from ("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    yield from ("--user", f"{user}:{user}", "--workdir", FOLDER, "--hostname", "ticket")
    yield from ("--memory", str(bounds.memory), "--memory-swap", str(bounds.memory))
    yield from ("--pids-limit", str(bounds.processes + OVERHEAD), "--ulimit", "core=0:0")
    yield from ("--ulimit", f"nofile={bounds.open_files}:{bounds.open_files}")
    yield from ("--ulimit", f"fsize={bounds.disk + SLACK}:{bounds.disk + SLACK}")


def _mounts(job: Job) -> Iterable[str]:
    for place, inside in ((job.room.work, FOLDER), (job.room.tmp, TMP)):
        yield from ("--mount", f"type=bind,source={place},target={inside}")
    if job.helper:
        yield from ("--mount", f"type=bind,source={job.helper},target={HELPER},readonly")
    if job.socket:
        yield from ("--mount", f"type=bind,source={DOOR_FILE},target={DOOR},readonly")
        yield from ("--mount", f"type=bind,source={job.socket},target={SOCKET}")


def find_engine() -> tuple[str, str]:
    """The program of an engine that answers, and an empty text; or an empty text and why there is none."""
    wrong = []
    for name in ENGINES:
        program = shutil.which(name)
        if program is None:
            wrong.append(f"{name} is not installed")
        elif complaint := _asked(program):
            wrong.append(f"{name}: {complaint}")
        else:
            return program, ""
    return "", "; ".join(wrong)


def _asked(program: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [program, "info", "--format", "json"],
            env=_own_environment(),
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]


def _own_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED if name in os.environ}
