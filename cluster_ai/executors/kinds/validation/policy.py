"""Rules of the house for files: what must not stand in them, and files that must not be. Pure."""

import fnmatch
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from pydantic import Field, field_validator

from cluster_ai.core.wire import StrictModel
from cluster_ai.executors.kinds.validation.findings import Finding, Severity

FORBIDDEN_NAMES: Final = ("*.pem", "*.key", "*.p12", "*.pfx", "*id_rsa", "*id_ed25519", "*.env", "*.kdbx", "*.sqlite3")
LARGEST: Final = 5 * 1024**2


class Rule(StrictModel):
    """What must not stand in files. Made of plain text and ``*``, so that no pattern can run for ever."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = Field(description="Name, as findings show it.")
    forbid: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="Text that must not stand in a line; `*` stands for any letters."
    )
    files: Annotated[str, Field(min_length=1, max_length=200)] = Field(default="*", description="Which files; `*.py`.")
    severity: Severity = Field(default="medium", description="How grave it is.")
    security: bool = Field(default=False, description="Whether it opens a door.")

    @field_validator("forbid")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip("* "):
            raise ValueError("would forbid every line")
        return text


def broken_by(path: str, text: str, rules: Sequence[Rule]) -> Iterator[Finding]:
    """The lines that break one of the rules."""
    for rule in rules:
        if not fnmatch.fnmatchcase(path, rule.files):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if _has(line, rule.forbid):
                said = f"holds {rule.forbid!r}"
                yield Finding("policy", rule.name, rule.severity, path, number, said, security=rule.security)


def _has(line: str, forbidden: str) -> bool:
    """Part after part from left to right: linear, whatever the line."""
    at = 0
    for part in forbidden.split("*"):
        found = line.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def unwanted(path: str, size: int) -> Iterator[Finding]:
    """What a file is by its name and size."""
    if any(fnmatch.fnmatchcase(path.lower(), pattern) for pattern in FORBIDDEN_NAMES):
        yield Finding("policy", "file-name", "high", path, 0, "a file of this name holds secrets", security=True)
    if size > LARGEST:
        yield Finding("policy", "file-size", "low", path, 0, f"is larger than {LARGEST} bytes")
