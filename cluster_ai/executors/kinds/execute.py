"""EXECUTE: a program, or a function of a module that the machine names, in a sandbox."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from cluster_ai.executors.calls import call
from cluster_ai.executors.files import collect
from cluster_ai.executors.inplace import call_here
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Refusal, Result, Said, granted, read
from cluster_ai.executors.programs import Argv, Patterns, Program, ProgramParameters, refusals, told
from cluster_ai.executors.sandbox.verdicts import verdict

Target = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", max_length=300)
]


class ExecuteParameters(ProgramParameters):
    """A program with its arguments, or a function with its own."""

    argv: Argv | None = Field(default=None, description="The program and its arguments; no shell reads them.")
    function: Target | None = Field(
        default=None, description="`package.module:name` of a module that `[executors] modules` names."
    )
    args: tuple[Any, ...] = Field(default=(), max_length=100, description="Arguments of the function, as JSON.")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="... by name.")
    in_place: bool = Field(
        default=False,
        description="The function may be called in the process of the executor, where a trusted one has no sandbox: "
        "that is quick, and what it leaves there others of its plan find.",
    )
    artefacts: Patterns = Field(default=(), description="Files to keep; `*` stands for any letters, `/` too.")
    undo: Argv | None = Field(
        default=None, description="The program that undoes it; finds what was done in `done.json`."
    )

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.argv is None) == (self.function is None):
            raise ValueError("either argv or function must be given")
        if self.function is None and (self.args or self.kwargs):
            raise ValueError("args and kwargs belong to a function")
        if self.function is not None and self.image is not None:
            raise ValueError("a function needs the machine's own Python: no image")
        if self.in_place and not (self.function and self.trusted):
            raise ValueError("in_place is for a function that is trusted")
        return self


class Execute:
    """Runs it once; whether twice would be as good, only the program knows: it is given the ticket's key."""

    kind: ClassVar[str] = "EXECUTE"
    parameters: ClassVar = ExecuteParameters
    is_idempotent: ClassVar[bool] = False
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(parameters: ExecuteParameters, settings: ExecutorSettings) -> Iterator[Refusal]:
        yield from refusals(parameters, "EXECUTE", settings)
        if parameters.function and not _is_named(parameters.function.partition(":")[0], settings.modules):
            yield "function", f"{parameters.function} is in no module of [executors] modules"

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(ExecuteParameters, order.parameters)
        granted(self.refusals(parameters, self._means.settings))
        program = Program.prepared(order, folder, parameters, self._means)
        if parameters.function:
            way = call_here if parameters.in_place and self._means.cell.is_bare() else call
            answer, ended = way(program, parameters.function, said, args=parameters.args, kwargs=parameters.kwargs)
            kept = collect(program.room, parameters.artefacts)
            return Result(ok=True, value={"answer": answer, **told(ended)}, artefacts=kept)
        assert parameters.argv
        ended = program.run(parameters.argv, said)
        if wrong := verdict(ended):
            kept = collect(program.room, parameters.artefacts, must=False)
            return Failed(wrong.code, wrong.error, value=told(ended)).result.model_copy(update={"artefacts": kept})
        return Result(ok=True, value=told(ended), artefacts=collect(program.room, parameters.artefacts))

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(ExecuteParameters, order.parameters)
        if parameters.undo is None:
            raise Failed("undo_impossible", "the ticket names no program that undoes it")
        program = Program.prepared(order, folder, parameters, self._means)
        (program.room.work / "done.json").write_text(json.dumps(order.done), encoding="utf-8")
        ended = program.run(parameters.undo, said)
        wrong = verdict(ended)
        if wrong:
            return Failed(wrong.code, wrong.error, value=told(ended)).result
        return Result(ok=True, value=told(ended))


def _is_named(module: str, allowed: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)
