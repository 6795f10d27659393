"""What a machine is, asked once over SSH before anything is copied there, and whether that is enough."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final

from pydantic import Field, ValidationError

from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.core.wire import Count, Text, View, parse_object
from cluster_ai.nodes.ssh.causes import ClockSkew, NoDisk, NoPython, NoShell, OldPython, OtherSystem
from cluster_ai.nodes.ssh.session import Session

SECONDS: Final = 45.0
ARCHITECTURES: Final = frozenset({"x86_64", "aarch64"})
_MARK: Final = "@@cluster-ai@@"
# On one line, as csh takes no other; without Python the same is told by what every Unix has.
_ASK: Final = (
    "if command -v python3 >/dev/null 2>&1; then exec python3 -; fi; cat >/dev/null; "
    'free=$(df -Pk "$HOME" 2>/dev/null | awk \'NR==2 {printf "%.0f", $4*1024}\'); '
    'printf \'\\n@@cluster-ai@@{"time": %s, "architecture": "%s", "kernel": "%s", "disk_free": %s}\\n\' '
    '"$(date +%s)" "$(uname -m)" "$(uname -s)" "${free:-0}"'
)

Word = Annotated[Text, Field(max_length=256)]


class Probed(View):
    """A machine as it tells of itself: hints for a person and for what we try, nothing that is trusted."""

    time: float
    hostname: Word = ""
    system: Word = ""
    kernel: Word = ""
    architecture: Word = ""
    libc: Word = ""
    python: Word = ""
    """Empty: none."""
    pythons: Annotated[Mapping[Word, Word], Field(max_length=32)] = {}
    """Others from 3.11 on, and where they are."""
    venv: bool = False
    cpus: Count = 0
    memory: Count = 0
    home: Word = ""
    disk_free: Count = 0
    user: Word = ""
    root: bool = False
    sudo: bool = False
    """Without being asked for a password."""
    systemd: bool = False
    user_systemd: bool = False
    linger: bool = False
    uv: Word = ""
    ollama: Word = ""
    gpus: Annotated[tuple[Word, ...], Field(max_length=64)] = ()
    skew: float = 0.0
    """Seconds that its clock is ahead of ours, as near as the way there and back tells."""

    @property
    def best_python(self) -> str:
        """The newest version that it has."""
        return max((self.python, *self.pythons), key=_version)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a machine must have. Bytes and seconds."""

    python: tuple[int, int] = (3, 11)
    disk: int = 2 * 2**30
    skew: float = 60.0
    architectures: frozenset[str] = ARCHITECTURES

    @property
    def python_text(self) -> str:
        return ".".join(map(str, self.python))


USUAL: Final = Needs()


async def probe(session: Session) -> Probed:
    """Asks a machine what it is.

    Raises:
        NoShell: nothing that can be understood came back.
    """
    script = await asyncio.to_thread(files("cluster_ai.nodes.ssh").joinpath("probe_there.py").read_bytes)
    began = time.time()
    done = await session.run(["sh", "-c", _ASK], feed=script, seconds=SECONDS)
    middle = (began + time.time()) / 2
    found = understood(done.out)
    if found is None:
        raise NoShell(str(session.target), done.said or f"the shell ended with {done.status}")
    return found.model_copy(update={"skew": found.time - middle})


def understood(out: bytes) -> Probed | None:
    """The last answer in ``out``; None when there is none that makes sense."""
    _, found, line = out.decode("utf-8", "replace").rpartition(_MARK)
    if not found:
        return None
    try:
        return Probed.model_validate(parse_object(line.strip().encode()))
    except (ValidationError, InvalidInput):
        return None


def findings(found: Probed, place: str, needs: Needs) -> tuple[ClusterError, ...]:
    """Everything that keeps the machine out, at once."""
    wrong: list[ClusterError] = []
    if found.kernel != "Linux" or found.architecture not in needs.architectures:
        wrong.append(OtherSystem(place, f"{found.kernel} {found.architecture}"))
    if not found.best_python:
        wrong.append(NoPython(place, needs.python_text))
    elif _version(found.best_python)[:2] < needs.python:
        wrong.append(OldPython(place, found=found.best_python, wanted=needs.python_text))
    if found.disk_free < needs.disk:
        wrong.append(NoDisk(place, free=found.disk_free, needed=needs.disk))
    if abs(found.skew) > needs.skew:
        wrong.append(ClockSkew(place, seconds=found.skew, bound=needs.skew))
    return tuple(wrong)


def _version(text: str) -> tuple[int, ...]:
    """``3.11.2+`` as numbers; what is no number ends it."""
    numbers = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits[:6]))
    return tuple(numbers)
