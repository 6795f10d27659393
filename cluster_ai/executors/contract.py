"""What an executor is given, what it gives back, and what a child process says while it works.

One child process in a session and process group of its own does one attempt after the other:

    python -m cluster_ai.executors.child

It reads lines of JSON from its standard input, each an order, ``{"of": 1, "folder": "/..."}``: the order's number in
this process, and its FOLDER. For each it reads ``FOLDER/order.json`` (an ``Order``), looks for ``FOLDER/reported.json``
(a ``Reported``) where it waits for a pipeline elsewhere, and writes lines of JSON to its standard output, each one of
``{"of": 1, "progress": 0.3, "note": "..."}``, ``{"of": 1, "log": "..."}`` and, last of all,
``{"of": 1, "result": {...}}`` (a ``Result``). Nothing that an order started is left when its result is said. With
``"last": true`` beside the result it does no other order; so it does after SIGTERM, which asks it to stop within
``GRACE_SECONDS``; SIGKILL to the whole group follows. It exits with 0 when its input ends, whatever the results say.
Who started it enforces the time; limits of memory and files are set by the child's sandbox.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel, Field

from cluster_ai.core.wire import View

GRACE_SECONDS: Final = 10.0
REPORT: Final = "reported.json"
"""In FOLDER, written whole by whoever started the child: what a pipeline elsewhere reported, a ``Reported``."""
MOST_RESULT_BYTES: Final = 64 * 1024
"""Of ``Result.value`` as JSON; what is larger is an artefact."""


class Limits(View):
    """What one attempt may use. 0 means the worker's own limit."""

    seconds: float = 300.0
    memory_bytes: int = 0
    disk_bytes: int = 0
    processes: int = 64
    network: bool = False
    """Whether the sandbox has a network; INFER and MAP always reach the gateway."""


class Order(View):
    """One attempt. ``key`` is the same for every attempt at the ticket: for effects outside that must happen once."""

    ticket_id: str
    attempt: int
    kind: str
    """``INFER``, ``MAP``, ``EXECUTE``, ``TEST``, ``VALIDATE``, ``DEPLOY``, ``BUILD`` or ``COMPENSATE``."""
    key: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    limits: Limits = Limits()
    gateway_url: str = ""
    gateway_key: str = ""
    done: dict[str, Any] | None = None
    """COMPENSATE: what the ticket had given, with its own kind and parameters."""


class Reported(View):
    """How a pipeline elsewhere says that it ended. ``url``: where people can read more of it."""

    succeeded: bool
    detail: str = ""
    url: str = ""


class Artefact(View):
    """A file that a ticket left in its folder. ``path`` is relative to ``FOLDER/artefacts``."""

    name: str
    path: str
    bytes: int
    sha256: str


class Result(View):
    """How an attempt ended. ``retry_after``: seconds, when the executor knows better than the back-off."""

    ok: bool
    value: Any = None
    artefacts: tuple[Artefact, ...] = ()
    code: str = ""
    """Of a failure: stable, e.g. ``timed_out``, ``sandbox_unavailable``, ``exit_nonzero``."""
    error: str = ""
    retryable: bool = True
    retry_after: float | None = None


class Said(Protocol):
    """Where an executor speaks while it works."""

    def progress(self, share: float, note: str = "") -> None: ...

    def log(self, text: str) -> None: ...


class Executor(Protocol):
    """One kind of work. ``parameters`` checks what a ticket asks for before the ticket is accepted."""

    kind: ClassVar[str]
    parameters: ClassVar[type[BaseModel]]
    is_idempotent: ClassVar[bool]
    """Whether doing it twice is as good as once; where it is not, an attempt that began is not tried again."""
    can_compensate: ClassVar[bool]

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        """Does the work. ``folder`` survives to the next attempt at the same ticket (MAP's checkpoints)."""
        ...

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:
        """Undoes what ``order.done`` says was done."""
        ...


Check = Callable[[str, dict[str, Any]], dict[str, Any]]
"""(kind, parameters) -> the parameters as they are stored.

Raises:
    InvalidInput: there is no such kind, or a parameter is wrong; ``path`` says which.
"""
