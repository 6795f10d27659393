"""The executor of TEST."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, StringConstraints, model_validator

from cluster_ai.executors.files import RelativePath, collect, open_plain
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Refusal, Result, Said, granted, read
from cluster_ai.executors.kinds.testing import ci, junit
from cluster_ai.executors.programs import Argument, Patterns, Program, ProgramParameters, refusals, told
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.sandbox.inside import HELPER
from cluster_ai.executors.sandbox.types import Ended

REPORT: Final = "junit.xml"
COVERAGE: Final = "coverage.json"
_SCRIPT: Final = Path(__file__).with_name("test_child.py")
_NO_TESTS: Final = 5
"""pytest's exit code when it collected nothing."""


Source = Annotated[str, StringConstraints(pattern=r"^(\.|[A-Za-z0-9_][A-Za-z0-9_./-]*)$", max_length=300)]


class TestParameters(ProgramParameters):
    """Files and the tests among them, or a pipeline elsewhere."""

    __test__ = False  # pytest must not take it for one of its own

    paths: Annotated[tuple[RelativePath, ...], Field(max_length=200)] = Field(
        default=(), description="Files and folders with tests; none: all that pytest finds."
    )
    args: Annotated[tuple[Argument, ...], Field(max_length=100)] = Field(
        default=(), description="More of pytest's arguments: `-k`, `not slow`."
    )
    coverage: Annotated[tuple[Source, ...], Field(max_length=50)] = Field(
        default=(), description="Folders or modules whose lines are counted; `.` for all."
    )
    least_coverage: Annotated[float, Field(ge=0, le=1)] = Field(default=0.0, description="Share of them that must run.")
    artefacts: Patterns = Field(default=(), description="Files to keep beside the reports.")
    pipeline: ci.Pipeline | None = Field(default=None, description="An outside pipeline, instead of all above.")

    @model_validator(mode="after")
    def _has_something_to_test(self) -> Self:
        if (self.pipeline is None) == (not self.files):
            raise ValueError("either files or pipeline must be given")
        if self.least_coverage and not self.coverage:
            raise ValueError("least_coverage needs coverage: what to count")
        return self


class Test:
    """Fails when a test fails, and when none ran."""

    __test__ = False
    kind: ClassVar[str] = "TEST"
    parameters: ClassVar = TestParameters
    is_idempotent: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(parameters: TestParameters, settings: ExecutorSettings) -> Iterator[Refusal]:
        yield from refusals(parameters, "TEST", settings)
        for url in ci.refused(parameters.pipeline, settings) if parameters.pipeline else ():
            yield "pipeline", f"{url} begins with none of [executors] ci_urls"

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(TestParameters, order.parameters)
        if parameters.pipeline is not None:
            granted(self.refusals(parameters, self._means.settings))
            Room(folder).make()
            value = ci.follow(parameters.pipeline, order, folder, means=self._means, said=said)
            return Result(ok=True, value=value)
        program = Program.prepared(order, folder, parameters, self._means)
        call = {"paths": parameters.paths, "args": parameters.args, "coverage": parameters.coverage}
        (program.room.work / "test-call.json").write_text(json.dumps(call), encoding="utf-8")
        ended = program.run(("python3", HELPER), _Telling(said), helper=_SCRIPT)
        return _verdict(program, parameters, ended)

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        return Result(ok=True, value="tests change nothing outside of their sandbox")


class _Telling:
    """Makes progress of the percentages at the end of pytest's lines."""

    def __init__(self, said: Said) -> None:
        self._said = said

    def progress(self, share: float, note: str = "") -> None:
        self._said.progress(share, note)

    def log(self, text: str) -> None:
        self._said.log(text)
        _, opened, rest = text.rpartition("[")
        if opened and rest.endswith("%]") and rest[:-2].strip().isdecimal():
            self._said.progress(int(rest[:-2]) / 100)


def _verdict(program: Program, parameters: TestParameters, ended: Ended) -> Result:
    kept = collect(program.room, (REPORT, COVERAGE, *parameters.artefacts), must=False)
    try:
        value = _value(program.room, parameters, ended)
    except Failed as exc:
        return _with(Failed(exc.code, exc.error, value=exc.value or told(ended)), kept)
    return Result(ok=True, value=value, artefacts=kept)


def _with(wrong: Failed, kept: tuple[Any, ...]) -> Result:
    return wrong.result.model_copy(update={"artefacts": kept})


def _value(room: Room, parameters: TestParameters, ended: Ended) -> dict[str, Any]:
    """Raises ``Failed`` with what is known when it did not go well."""
    if ended.reason:
        raise Failed(ended.reason, ended.error)
    report = _report(room, ended)
    share = _coverage(room) if parameters.coverage else None
    value: dict[str, Any] = {
        "tests": report.tests,
        "passed": report.passed,
        "failed": report.failed,
        "errors": report.errors,
        "skipped": report.skipped,
        "failures": report.failures,
        "coverage": share,
        **told(ended),
    }
    # The report alone does not count: the tests could have written it themselves.
    if report.failed or report.errors:
        raise Failed("tests_failed", f"{report.failed + report.errors} of {report.tests} tests failed", value=value)
    if report.passed == 0:
        raise Failed("tests_failed", "no test ran", value=value)
    if ended.code:
        raise Failed("tests_failed", f"pytest ended with exit {ended.code}", value=value)
    if (share or 0.0) < parameters.least_coverage:
        ran = "how many lines ran is not known" if share is None else f"{share:.1%} of the lines ran"
        raise Failed("coverage_low", f"{ran}; {parameters.least_coverage:.1%} must", value=value)
    return value


def _report(room: Room, ended: Ended) -> junit.Report:
    try:
        with open_plain(room.work / REPORT) as file:
            return junit.parse(file.read(junit.MOST_BYTES + 1))
    except Failed as exc:
        if ended.code == _NO_TESTS:
            raise Failed("tests_failed", "pytest found no tests") from exc
        raise Failed("report_missing", f"pytest ended with exit {ended.code}: {exc.error}") from exc


def _coverage(room: Room) -> float | None:
    """Share of the lines that ran; ``None`` when it was not measured."""
    try:
        with open_plain(room.work / COVERAGE) as file:
            totals = json.loads(file.read(junit.MOST_BYTES))["totals"]
            return float(totals["percent_covered"]) / 100
    except (Failed, ValueError, KeyError, TypeError):
        return None
