"""Reads a JUnit report as pytest writes it, from a program that nobody vouches for: no entities, a bounded size."""

from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

from cluster_ai.executors.kind import Failed

MOST_BYTES: Final = 16 * 1024**2
MOST_NAMED: Final = 50
MOST_TEXT: Final = 2000
_VERDICTS: Final = {"failure": "failed", "error": "errors", "skipped": "skipped"}


@dataclass(slots=True)
class Report:
    """Counts, and the tests that failed."""

    tests: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return self.tests - self.failed - self.errors - self.skipped


def parse(data: bytes) -> Report:
    """The report in ``data``.

    Raises:
        Failed: ``report_missing``, it is no such report.
    """
    if len(data) > MOST_BYTES:
        raise Failed("report_missing", f"the report is larger than {MOST_BYTES} bytes")
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as exc:
        raise Failed("report_missing", f"the report is no XML: {exc}") from exc
    return reading.report


def _refuse(*_declared: Any) -> None:
    raise Failed("report_missing", "the report declares a document type, which pytest never does")


class _Reading:
    def __init__(self) -> None:
        self.report = Report()
        self._case: dict[str, str] = {}
        self._failure: dict[str, Any] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "testcase":
            self._case = attributes
            self.report.tests += 1
        elif name in _VERDICTS:
            counter = _VERDICTS[name]
            setattr(self.report, counter, getattr(self.report, counter) + 1)
            if name != "skipped" and len(self.report.failures) < MOST_NAMED:
                case = f"{self._case.get('classname', '')}::{self._case.get('name', '')}"
                self._failure = {"test": case[:300], "message": attributes.get("message", "")[:300], "text": ""}
                self.report.failures.append(self._failure)

    def text(self, data: str) -> None:
        if self._failure is not None and len(self._failure["text"]) < MOST_TEXT:
            self._failure["text"] = (self._failure["text"] + data)[:MOST_TEXT]

    def end(self, name: str) -> None:
        if name in _VERDICTS:
            self._failure = None
