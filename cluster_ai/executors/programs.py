"""What the kinds that run programs share: their parameters, their folder, how a run is told."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from cluster_ai.core.wire import StrictModel, Text
from cluster_ai.executors.files import Files, RelativePath, beyond, place
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Refusal, Said, granted
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.sandbox.reach import ungranted
from cluster_ai.executors.sandbox.types import Ended, Job
from cluster_ai.executors.sandbox.verdicts import verdict
from cluster_ai.executors.types import HostPort

EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Argument = Annotated[Text, Field(max_length=32_768)]
Argv = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=512)]
Patterns = Annotated[tuple[RelativePath, ...], Field(max_length=50)]
Image = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._/:@-]{0,255}$")]
"""An image that the container engine has; none is fetched."""
_PROGRESS: Final = re.compile(r"::progress:: (?P<share>[01](?:\.\d+)?)(?: (?P<note>.*))?")


class ProgramParameters(StrictModel):
    """What every kind that runs a program takes."""

    files: Files = Field(default=(), description="Files it finds in its folder.")
    env: dict[EnvName, Text] = Field(default_factory=dict, description="Variables of its environment; else it is bare.")
    reach: tuple[HostPort, ...] = Field(
        default=(), max_length=50, description="Hosts (`name:443`) it may reach, by the proxy of its environment."
    )
    image: Image | None = Field(
        default=None, description="A container of this image instead of the machine's programs."
    )
    trusted: bool = Field(
        default=False, description="It may run with no sandbox, where the machine trusts this kind and has none."
    )


def refusals(parameters: ProgramParameters, kind: str, settings: ExecutorSettings) -> Iterator[Refusal]:
    """What this machine does not grant."""
    for host in ungranted(parameters.reach, settings.reach):
        yield "reach", f"{host} is not in [executors] reach"
    for source in beyond(parameters.files, settings):
        yield "files", f"{source} is in no folder of [executors] inputs"
    if parameters.trusted and kind not in settings.trusted_kinds:
        yield "trusted", f"{kind} is not in [executors] trusted_kinds"


@dataclass(frozen=True, slots=True)
class Program:
    """One ticket's programs: in one folder, with one environment."""

    order: Order
    room: Room
    parameters: ProgramParameters
    means: Means

    @classmethod
    def prepared(cls, order: Order, folder: Path, parameters: ProgramParameters, means: Means) -> "Program":
        """Its folder empty but for the ticket's files.

        Raises:
            Failed: something that it asks for is not granted, or a file is not there.
        """
        granted(refusals(parameters, order.kind, means.settings))
        if parameters.reach and not order.limits.network:
            asked = ", ".join(parameters.reach)
            raise Failed("network_not_allowed", f"it asks for {asked}, and its limits have no network")
        room = Room(folder)
        room.make()
        place(parameters.files, room.work, folder=folder, settings=means.settings)
        return cls(order, room, parameters, means)

    def run(self, argv: Sequence[str], said: Said, *, helper: Path | None = None, room: Room | None = None) -> Ended:
        """A program to its end; its lines go to the log."""
        wanted = self.parameters
        job = Job(
            argv=argv,
            room=room or self.room,
            bounds=self.means.cell.bounds(self.order.limits),
            env=self.environment,
            helper=helper,
            image=wanted.image or "",
        )
        return self.means.cell.run(job, Teller(said), trusted=wanted.trusted, reach=wanted.reach)

    def run_well(
        self, argv: Sequence[str], said: Said, *, helper: Path | None = None, room: Room | None = None
    ) -> Ended:
        """As ``run``, for a program whose last line tells what went wrong.

        Raises:
            Failed: it did not end with 0.
        """
        ended = self.run(argv, said, helper=helper, room=room)
        if wrong := verdict(ended):
            last = (ended.tail.strip().splitlines() or [""])[-1]
            raise Failed(wrong.code, last[-1000:] or wrong.error)
        return ended

    @property
    def environment(self) -> dict[str, str]:
        """The ticket's own variables, beside those of the sandbox."""
        order = self.order
        about = {"TICKET_ID": order.ticket_id, "TICKET_ATTEMPT": str(order.attempt), "TICKET_KEY": order.key}
        return {**about, **self.parameters.env}


@dataclass(frozen=True, slots=True)
class Teller:
    """A program's lines: ``::progress:: 0.3 half a note`` is its progress, all else its log."""

    said: Said

    def __call__(self, line: str) -> None:
        if found := _PROGRESS.fullmatch(line):
            self.said.progress(min(1.0, float(found["share"])), found["note"] or "")
        else:
            self.said.log(line)


def told(ended: Ended) -> dict[str, Any]:
    """A run, as results show it."""
    return {
        "exit_code": ended.code,
        "seconds": ended.seconds,
        "sandbox": ended.sandbox,
        "memory_bytes": ended.memory,
        "disk_bytes": ended.disk,
        "most_processes": ended.processes,
        "tail": ended.tail,
    }
