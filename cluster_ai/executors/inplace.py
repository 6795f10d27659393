"""A trusted function in this very process: it costs a call, where a process of its own costs a hundred times that.

For tickets that ask for it, of a kind that the machine trusts, where there is no sandbox; another process would be our
own user's just the same. What the function leaves in here (modules, threads, memory) the next orders of its own plan
find; its limits, and the wish to stop, hold for each call.
"""

import importlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

from cluster_ai.core.wire import parse_json
from cluster_ai.executors.kind import Failed, Said
from cluster_ai.executors.programs import Program, Teller
from cluster_ai.executors.rooms import walk
from cluster_ai.executors.sandbox.bare import BARE
from cluster_ai.executors.sandbox.limiting import SLACK
from cluster_ai.executors.sandbox.running import Output
from cluster_ai.executors.sandbox.types import Bounds, Ended

MOST_ANSWER: Final = 64 * 1024**2
_BLOCK: Final = 512


class _Late(BaseException):
    """Its time is over. Nobody's ``except Exception`` is meant to take it."""


def call_here(
    program: Program, target: str, said: Said, *, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
) -> tuple[Any, Ended]:
    """What ``module:function`` answers; what it prints goes to the log.

    Raises:
        Failed: it raised, took more than it may, or its answer is no JSON.
        Cancelled: the end was asked for.
    """
    bounds = program.means.cell.bounds(program.order.limits)
    if shutil.disk_usage(program.room.folder).free < bounds.free_disk:
        raise Failed("disk_low", f"less than {bounds.free_disk} bytes are left on the disk")
    output = Output(Teller(said))
    began = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(_at_home(program))
        stack.enter_context(_as_before())
        stack.enter_context(redirect_stdout(_Words(output.take)))
        stack.enter_context(redirect_stderr(_Words(output.take)))
        stack.callback(output.end)
        stack.enter_context(_bounded(bounds))
        stack.enter_context(program.means.stop.interrupting())
        stack.enter_context(_timed(bounds.seconds))
        answer = _answered(target, args, kwargs or {}, bounds)
    _check_disk(program, bounds)
    if len(answer) > MOST_ANSWER:
        raise Failed("exit_nonzero", f"its answer is larger than {MOST_ANSWER} bytes: write it to a file")
    tail = output.tail.decode("utf-8", "replace")
    return parse_json(answer), Ended(0, sandbox=BARE, seconds=round(time.monotonic() - began, 3), tail=tail)


def _answered(target: str, args: Sequence[Any], kwargs: Mapping[str, Any], bounds: Bounds) -> bytes:
    """As JSON: what it keeps of its answer is not ours."""
    try:
        answer = _called(target, args, kwargs)
    except Failed:
        raise
    except MemoryError as exc:
        raise Failed("memory_exceeded", f"it took more than {bounds.memory} bytes of memory") from exc
    except SystemExit as exc:
        raise Failed("exit_nonzero", f"it ended with exit {exc.code}") from exc
    except Exception as exc:  # whatever a function of somebody else raises is how it ended
        raise Failed("exit_nonzero", traceback.format_exception_only(exc)[-1].strip()[-1000:]) from exc
    try:
        return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as exc:
        raise Failed("exit_nonzero", f"{target} answered what JSON cannot hold: {exc}") from exc


def _called(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    process, code = os.getpid(), 1
    try:
        answer = _found(target)(*args, **kwargs)
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        raise
    finally:
        if os.getpid() != process:
            # A copy that the function made: it has nothing to say to whoever gave the order, and takes no other.
            os._exit(code)
    return answer


def _found(target: str) -> Callable[..., Any]:
    name, _, function = target.partition(":")
    found: Any = importlib.import_module(name)
    for part in function.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise Failed("exit_nonzero", f"{name} has no function {function}")
    return found  # type: ignore[no-any-return]


def _check_disk(program: Program, bounds: Bounds) -> None:
    room = program.room
    held = sum(told.st_blocks * _BLOCK for folder in (room.work, room.tmp) for _, told in walk(folder))
    if held > bounds.disk:
        raise Failed("disk_exceeded", f"it wrote {held} bytes; {bounds.disk} are allowed")


class _Words(io.TextIOBase):
    """Where a function prints."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, text: str) -> int:
        self._take(text.encode("utf-8", "replace"))
        return len(text)


@contextmanager
def _at_home(program: Program) -> Iterator[None]:
    """In the ticket's folder, with the ticket's variables."""
    here, env = Path.cwd(), dict(os.environ)
    os.chdir(program.room.work)
    os.environ.update(program.environment | {"TMPDIR": str(program.room.tmp)})
    try:
        yield
    finally:
        os.chdir(here)
        for name in os.environ.keys() - env.keys():
            del os.environ[name]
        os.environ.update({name: text for name, text in env.items() if os.environ.get(name) != text})


@contextmanager
def _as_before() -> Iterator[None]:
    """Afterwards new files have their usual rights, modules are looked for where they were, and who wishes that we stop
    is heard: a function that changes these would spoil the next one's order, not its own.
    """
    mask, path = os.umask(0o077), list(sys.path)
    os.umask(mask)
    heeds = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in heeds.items():
            signal.signal(number, handler)
        sys.path[:] = path
        os.umask(mask)


@contextmanager
def _bounded(bounds: Bounds) -> Iterator[None]:
    """The kernel's limits for this process, until the call is over. What we hold already is not the function's."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - for every call
        held = int(file.read().split()[5]) * os.sysconf("SC_PAGESIZE")
    wanted = {
        resource.RLIMIT_DATA: held + bounds.memory,
        resource.RLIMIT_FSIZE: bounds.disk + SLACK,
        resource.RLIMIT_NOFILE: bounds.open_files,
        resource.RLIMIT_CORE: 0,
    }
    before = {limit: resource.getrlimit(limit) for limit in wanted}
    for limit, value in wanted.items():
        hard = before[limit][1]
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
    try:
        yield
    finally:
        for limit, both in before.items():
            resource.setrlimit(limit, both)


@contextmanager
def _timed(seconds: float) -> Iterator[None]:
    """Whoever started us enforces the time of the order; what this machine grants may be less."""
    is_on = True

    def over(*_signal: object) -> None:
        if is_on:
            raise _Late

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _Late as exc:
        raise Failed("timed_out", f"not done within {seconds:g} s") from exc
    finally:
        is_on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
