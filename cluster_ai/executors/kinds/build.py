"""BUILD: a command in the sandbox that leaves files, each kept with its hash."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from cluster_ai.executors.files import RelativePath, collect
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Refusal, Result, Said, read
from cluster_ai.executors.programs import Argv, Program, ProgramParameters, refusals, told
from cluster_ai.executors.rooms import remove
from cluster_ai.executors.sandbox.verdicts import verdict

NO_FORGE = "this version has no code forge; give argv, a build command"


class BuildParameters(ProgramParameters):
    """A build command and what it must leave."""

    argv: Argv | None = Field(default=None, description="The command and its arguments; no shell reads them.")
    artefacts: Annotated[tuple[RelativePath, ...], Field(max_length=50)] = Field(
        default=(), description="Files that it must leave; `*` stands for any letters, `/` too."
    )
    forge: dict[str, Any] | None = Field(default=None, description="For the code forge, which this version has not.")

    @model_validator(mode="after")
    def _has_a_command(self) -> Self:
        if self.forge is not None:
            raise ValueError(NO_FORGE)
        if self.argv is None or not self.artefacts:
            raise ValueError("argv and artefacts must be given")
        return self


class Build:
    """The same files give the same build only if the command does: that is the command's to keep."""

    kind: ClassVar[str] = "BUILD"
    parameters: ClassVar = BuildParameters
    is_idempotent: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(parameters: BuildParameters, settings: ExecutorSettings) -> Iterator[Refusal]:
        yield from refusals(parameters, "BUILD", settings)

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(BuildParameters, order.parameters)
        program = Program.prepared(order, folder, parameters, self._means)
        assert parameters.argv
        ended = program.run(parameters.argv, said)
        if wrong := verdict(ended):
            return Failed(wrong.code, wrong.error, value=told(ended)).result
        kept = collect(program.room, parameters.artefacts)
        built = [artefact.model_dump() for artefact in kept]
        return Result(ok=True, value={"built": built, **told(ended)}, artefacts=kept)

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        remove(folder / "artefacts")
        return Result(ok=True, value="what was built is taken away")
