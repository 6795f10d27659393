"""ruff and bandit, run in the sandbox over files that nobody vouches for, and what they find."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from cluster_ai.executors.files import open_plain
from cluster_ai.executors.kind import Failed, Said
from cluster_ai.executors.kinds.validation.findings import Finding, Severity
from cluster_ai.executors.programs import Program
from cluster_ai.executors.sandbox.inside import FOLDER

MOST_BYTES: Final = 32 * 1024**2
_TOOLS_SAY: Final = (0, 1)
"""Both end with 1 when they found something."""
_GRAVE: Final = ("F821", "F822", "F823", "E9", "invalid-syntax")
_SEVERITIES: Final[Mapping[str, Severity]] = {"HIGH": "high", "MEDIUM": "medium", "LOW": "low"}

# What the files themselves say (noqa, nosec, their own configuration) does not count.
RUFF: Final = (
    *("python3", "-m", "ruff", "check", "--isolated", "--ignore-noqa", "--no-cache", "--no-respect-gitignore"),
    *("--select", "E4,E7,E9,F,B", "--output-format", "json", "--exit-zero", "--output-file", "ruff.json", "."),
)
BANDIT: Final = ("python3", "-m", "bandit", "-r", "--ignore-nosec", "-q", "-f", "json", "-o", "bandit.json", ".")


def ruff(program: Program, said: Said) -> list[Finding]:
    """Mistakes in Python files.

    Raises:
        Failed: it could not be run.
    """
    return [_of_ruff(each) for each in _reported(program, said, RUFF, "ruff.json")]


def bandit(program: Program, said: Said) -> list[Finding]:
    """Security findings in Python files.

    Raises:
        Failed: it could not be run, or a file could not be read by it.
    """
    told = _reported(program, said, BANDIT, "bandit.json")
    if errors := told.get("errors"):
        raise Failed("not_run", f"bandit could not read {errors[0].get('filename', 'a file')}")
    return [_of_bandit(each) for each in told.get("results", ())]


def _reported(program: Program, said: Said, argv: tuple[str, ...], name: str) -> Any:
    ended = program.run(argv, said)
    if ended.reason or ended.code not in _TOOLS_SAY:
        raise Failed(ended.reason or "not_run", ended.error or f"{argv[2]}: {ended.tail.strip()[-300:]}")
    try:
        with open_plain(program.room.work / name) as file:
            return json.loads(file.read(MOST_BYTES))
    except ValueError as exc:
        raise Failed("not_run", f"{argv[2]} said what cannot be read") from exc


def _of_ruff(told: Mapping[str, Any]) -> Finding:
    code = str(told["code"] or "invalid-syntax")
    severity: Severity = "medium" if code.startswith(_GRAVE) else "low"
    return Finding(
        "ruff", code, severity, _short(told["filename"]), told["location"]["row"], str(told["message"])[:300]
    )


def _of_bandit(told: Mapping[str, Any]) -> Finding:
    severity = _SEVERITIES.get(str(told["issue_severity"]), "low")
    path, text = _short(told["filename"]), str(told["issue_text"])[:300]
    return Finding("bandit", str(told["test_id"]), severity, path, int(told["line_number"]), text, security=True)


def _short(name: str) -> str:
    """As the ticket knows the file."""
    path = PurePosixPath(name)
    return path.relative_to(FOLDER).as_posix() if path.is_relative_to(FOLDER) else path.as_posix().removeprefix("./")


def in_files(program: Program) -> Iterator[tuple[str, int, str]]:
    """Path, size and text of each file that is one."""
    for path in sorted(program.room.work.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open_plain(path) as file:
                data = file.read(MOST_BYTES)
            text = "" if b"\x00" in data[:8192] else data.decode("utf-8", "replace")
            yield path.relative_to(program.room.work).as_posix(), path.stat().st_size, text
