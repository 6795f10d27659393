"""``map_prompt``: a prompt over the lines of a file, on all workers, through the gateway.

This process alone knows what is done and writes it down; scheduler, workers and gateway may die at any time. A line
is written once: whatever was under way when something died is asked again.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from distributed import Client

from cluster_ai.compute.jobs import sight, tasks
from cluster_ai.compute.jobs.lines import Line, Todo, Verdict, lines_of
from cluster_ai.compute.jobs.output import DiskRefused, Header, Output, Record, opened
from cluster_ai.compute.jobs.session import SchedulerLost, WorkerDied, connected, result
from cluster_ai.compute.jobs.types import MapPlan, MapResult, Progress
from cluster_ai.core.errors import InvalidInput, NotFound, Unavailable
from cluster_ai.core.ids import new_id
from cluster_ai.executors.prompt import Ask, Outcome, Reply, complaint

# The standard library's, which is silent on stdout: that belongs to whoever called.
log = logging.getLogger(__name__)

LARGEST_INPUT = 512 << 20
SYNC_SECONDS = 1.0
CHECK_SECONDS = 10.0
SCHEDULER_SECONDS = 60.0
"""A scheduler that went away has this long to come back."""


class _GivenUp(Exception):
    """Going on is of no use now."""


def map_prompt(plan: MapPlan, *, scheduler: str, gateway: str, on_progress: Progress | None = None) -> MapResult:
    """Asks for every line of ``plan.input`` that ``plan.output`` has no record of. Blocks.

    Ctrl-C ends it and keeps what is done; the result then says ``interrupted``. When the gateway or the scheduler
    stays away for too long, the result says why in ``stopped``. The same call goes on where the last one ended.

    Args:
        plan: what to ask.
        scheduler: address of the scheduler.
        gateway: base URL of the gateway, as the workers reach it.
        on_progress: called with (lines done, lines in all, lines failed).

    Raises:
        NotFound: no input, or no such model.
        InvalidInput: the input is not UTF-8, is too large, or is the output.
        Conflict: the output belongs to another job or another run writes it.
        Unavailable: no scheduler, worker or gateway to begin with, or the disk does not take the answers.
    """
    started = time.monotonic()
    lines, header = _read(plan)
    if not plan.output.exists():
        # Nothing may be left behind for a model that nobody has.
        check_model(gateway, plan.model)
    with opened(plan.output, header, restart=plan.restart) as output:
        if plan.retry_failed:
            output.forget_failed()
        resumed = len(output.standing.done)
        run = _Run(plan, gateway, output, Told(on_progress, len(lines)))
        interrupted = False
        waiting = [line for line in lines if line.index not in output.standing.done]
        try:
            if waiting:
                asyncio.run(run.all(waiting, scheduler))
        except KeyboardInterrupt:
            interrupted = True
        if plan.ordered and len(output.standing.done) == len(lines):
            output.sort()
        return MapResult(
            total=len(lines),
            answered=len(output.standing.answered),
            failed=len(output.standing.failed),
            resumed=resumed,
            seconds=time.monotonic() - started,
            nodes=dict(sorted(output.standing.nodes.items())),
            interrupted=interrupted,
            stopped=run.stopped,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """Whoever wants to hear of progress, and the number of lines in all."""

    on_progress: Progress | None
    total: int

    def about(self, output: Output) -> None:
        if self.on_progress is not None:
            failed = len(output.standing.failed)
            self.on_progress(len(output.standing.answered) + failed, self.total, failed)


class _Run:
    """One run of a map, over as many lives of the scheduler as it takes."""

    def __init__(self, plan: MapPlan, gateway: str, output: Output, told: Told) -> None:
        self._plan = plan
        self._gateway = gateway
        self._output = output
        self._told = told
        self._job = new_id()
        self._submitted = 0
        self._near: list[str] | None = None
        self.stopped = ""

    async def all(self, lines: list[Line], scheduler: str) -> None:
        await asyncio.to_thread(check_model, self._gateway, self._plan.model)
        todo = Todo(lines, patience=self._plan.patience, now=time.monotonic())
        self._told.about(self._output)
        await self._life(scheduler, todo, patience=0.0)
        while todo.unfinished and not self.stopped:
            log.warning("the scheduler went away; waiting up to %.0f s for it", SCHEDULER_SECONDS)
            try:
                await self._life(scheduler, todo, patience=SCHEDULER_SECONDS)
            except SchedulerLost:
                continue
            except DiskRefused:
                raise
            except Unavailable as exc:
                self.stopped = exc.message

    async def _life(self, scheduler: str, todo: Todo, *, patience: float) -> None:
        """Works until all is done, or until the scheduler or our patience is gone."""
        async with connected(scheduler, patience=patience) as client:
            todo.resume(time.monotonic())
            self._near = await sight.near(client, self._gateway)
            refused: list[DiskRefused] = []
            try:
                async with asyncio.TaskGroup() as group:
                    syncing = group.create_task(self._sync())
                    async with asyncio.TaskGroup() as slots:
                        for _ in range(self._plan.slots):
                            slots.create_task(self._slot(client, todo))
                    syncing.cancel()
            except* (SchedulerLost, _GivenUp):
                pass
            except* DiskRefused as group_of_refusals:
                refused = list(_leaves(group_of_refusals))
            if refused:
                raise refused[0]

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await asyncio.to_thread(self._output.sync)

    async def _slot(self, client: Client, todo: Todo) -> None:
        """Asks for one line after the other. One slot is one line in flight."""
        while (line := todo.take()) is not None:
            try:
                reply = await self._asked(client, line)
            except BaseException:
                # The scheduler went away or we are stopping: the line is as good as before.
                todo.give_back(line)
                raise
            self._settle(todo, line, reply)

    async def _asked(self, client: Client, line: Line) -> Reply:
        plan = self._plan
        self._submitted += 1
        request = Ask(
            gateway=self._gateway,
            model=plan.model,
            prompt=plan.prompt_for(line.index, line.text),
            system=plan.system,
            options=plan.options,
            tries=plan.tries,
            seconds=plan.seconds,
        )
        key = f"map_prompt-{self._job}-{self._submitted}"
        try:
            reply: Reply = await result(
                client.submit(tasks.map_prompt, request, key=key, pure=False, workers=self._near)
            )
        except WorkerDied as exc:
            return Reply(Outcome.AWAY, exc.message)
        return reply

    def _settle(self, todo: Todo, line: Line, reply: Reply) -> None:
        match todo.settle(line, reply.outcome, time.monotonic()):
            case Verdict.ANSWER:
                self._write(line, reply, error="")
            case Verdict.FAILURE:
                self._write(line, reply, error=reply.text)
            case Verdict.GIVE_UP:
                self.stopped = f"no answer to anything for {self._plan.patience:.0f} s, last: {reply.text}"
                raise _GivenUp
            case Verdict.AGAIN:
                pass

    def _write(self, line: Line, reply: Reply, *, error: str) -> None:
        record = Record(
            index=line.index,
            input=line.text,
            output=None if error else reply.text,
            model=self._plan.model,
            node=reply.node,
            seconds=round(reply.seconds, 3),
            error=error,
        )
        self._output.append(record)
        self._told.about(self._output)


def _leaves(group: BaseExceptionGroup[DiskRefused]) -> Iterator[DiskRefused]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


def check_model(gateway: str, model: str) -> None:
    """Asks once before the first line, so that a misspelt model does not fail every line of the file.

    Raises:
        NotFound: the gateway knows no such model.
        Unavailable: no gateway, or no node behind it.
    """
    try:
        with httpx2.Client(trust_env=False, timeout=CHECK_SECONDS) as client:
            answer = client.post(f"{gateway.rstrip('/')}/api/show", json={"model": model})
    except httpx2.TransportError as exc:
        raise Unavailable(f"no gateway at {gateway}: {exc}", hint="start the cluster: cluster-ai up") from exc
    if answer.status_code == httpx2.codes.NOT_FOUND:
        raise NotFound(f"no node has the model {model}", hint="cluster-ai model ls shows the models there are")
    if answer.is_server_error:
        raise Unavailable(f"the gateway at {gateway} cannot answer now: {complaint(answer)}")


def _read(plan: MapPlan) -> tuple[list[Line], Header]:
    if plan.input.resolve() == plan.output.resolve():
        raise InvalidInput("the output would overwrite the input", path="output")
    data = _bytes(plan.input)
    try:
        lines = lines_of(data.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        number = data.count(b"\n", 0, exc.start) + 1
        raise InvalidInput(f"line {number} of {plan.input} is not UTF-8", path="input") from exc
    header = Header(
        input_sha256=hashlib.sha256(data).hexdigest(),
        lines=len(lines),
        prompt=plan.prompt,
        system=plan.system,
        model=plan.model,
        options=plan.options,
    )
    return lines, header


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_INPUT + 1)
    except OSError as exc:
        raise NotFound(f"{path} cannot be read: {exc.strerror}", hint="check the path") from exc
    if len(data) > LARGEST_INPUT:
        raise InvalidInput(f"{path} is larger than {LARGEST_INPUT >> 20} MiB", path="input", hint="split it")
    return data
