"""The executor of VALIDATE."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from cluster_ai.executors.files import FileIn, keep
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Refusal, Result, Said, read
from cluster_ai.executors.kinds.validation import licences, policy, secret_words, tools
from cluster_ai.executors.kinds.validation.findings import Finding, score
from cluster_ai.executors.programs import Program, ProgramParameters, refusals

Check = Literal["ruff", "bandit", "secrets", "licences", "policy"]
MOST_SHOWN: Final = 50
_ALL: Final[tuple[Check, ...]] = ("secrets", "licences", "policy", "ruff", "bandit")
# Ours before theirs: their reports would lie among the files that ours read.


class ValidateParameters(ProgramParameters):
    """Files, and what is looked for in them."""

    files: Annotated[tuple[FileIn, ...], Field(min_length=1, max_length=500)] = Field(description="Files to look at.")
    checks: Annotated[tuple[Check, ...], Field(min_length=1, max_length=5)] = Field(
        default=_ALL, description="What is looked for. All of these must have been made, or the ticket fails."
    )
    least_score: Annotated[float, Field(ge=0, le=1)] = Field(default=0.5, description="The score that is enough.")
    denied_licences: Annotated[
        tuple[Annotated[str, Field(min_length=2, max_length=80)], ...], Field(max_length=100)
    ] = Field(default=licences.DEFAULT_DENIED, description="SPDX identifiers that are not allowed; `*` at the end.")
    rules: Annotated[tuple[policy.Rule, ...], Field(max_length=100)] = Field(
        default=(), description="Rules of the house, beside those on names and sizes of files."
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """One check: what it found, or why it could not be made."""

    check: Check
    findings: list[Finding]
    not_run: str = ""


class Validate:
    """What could not be looked at says so, and is never called passed."""

    kind: ClassVar[str] = "VALIDATE"
    parameters: ClassVar = ValidateParameters
    is_idempotent: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(parameters: ValidateParameters, settings: ExecutorSettings) -> Iterator[Refusal]:
        yield from refusals(parameters, "VALIDATE", settings)

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(ValidateParameters, order.parameters)
        program = Program.prepared(order, folder, parameters, self._means)
        wanted = [check for check in _ALL if check in parameters.checks]
        made = []
        for count, check in enumerate(wanted):
            self._means.stop.check()
            said.progress(count / len(wanted), check)
            made.append(_make(check, program, parameters, said))
        return _result(program, parameters, made)

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        return Result(ok=True, value="looking at files changes nothing")


def _make(check: Check, program: Program, parameters: ValidateParameters, said: Said) -> _Made:
    ours: dict[str, Callable[[str, int, str], Iterator[Finding]]] = {
        "secrets": lambda path, _, text: secret_words.secrets_in(path, text),
        "licences": lambda path, _, text: licences.denied_in(path, text, parameters.denied_licences),
        "policy": lambda path, size, text: _by_policy(path, size, text, parameters.rules),
    }
    try:
        if check in ours:
            found = [each for file in tools.in_files(program) for each in ours[check](*file)]
        else:
            found = (tools.ruff if check == "ruff" else tools.bandit)(program, said)
    except Failed as exc:
        return _Made(check, [], f"{exc.code}: {exc.error}")
    return _Made(check, found)


def _by_policy(path: str, size: int, text: str, rules: tuple[policy.Rule, ...]) -> Iterator[Finding]:
    yield from policy.unwanted(path, size)
    yield from policy.broken_by(path, text, rules)


def _result(program: Program, parameters: ValidateParameters, made: list[_Made]) -> Result:
    findings = [each for check in made for each in check.findings]
    reached = score(findings)
    value = {
        "score": reached,
        "checks": {check.check: _state(check) for check in made},
        "counts": dict(Counter(each.severity for each in findings)),
        "findings": [asdict(each) for each in findings[:MOST_SHOWN]],
    }
    report = json.dumps({**value, "findings": [asdict(each) for each in findings]}, indent=1).encode()
    kept = keep(program.room, "findings.json", io.BytesIO(report))
    wrong = _complaint(parameters, made, reached, value)
    result = wrong.result if wrong else Result(ok=True, value=value)
    return result.model_copy(update={"artefacts": (kept,)})


def _state(made: _Made) -> dict[str, Any]:
    if made.not_run:
        return {"state": "not_run", "why": made.not_run[:500]}
    return {"state": "findings" if made.findings else "passed", "findings": len(made.findings)}


def _complaint(parameters: ValidateParameters, made: list[_Made], reached: float, value: Any) -> Failed | None:
    if reached < parameters.least_score:
        return Failed(
            "score_low", f"the score is {reached:.2f}; {parameters.least_score:.2f} is asked for", value=value
        )
    if missing := [check for check in made if check.not_run]:
        said = "; ".join(f"{check.check}: {check.not_run}" for check in missing)
        return Failed("not_run", f"not every check could be made: {said[:1000]}", value=value)
    return None
