"""How an attempt fails: a stable code, a sentence, and whether another attempt may go better."""

from types import MappingProxyType
from typing import Final

from cluster_ai.executors.contract import Result

CODES: Final = MappingProxyType(
    {
        "cancelled": (True, "Somebody asked for its end; it stopped with all that it had started."),
        "timed_out": (True, "It was not done in its time."),
        "sandbox_unavailable": (
            True,
            "No sandbox works on this machine, and the ticket may not run without one.",
        ),
        "disk_exceeded": (False, "It wrote more than it may."),
        "disk_low": (True, "The machine's disk is nearly full, whoever filled it; another attempt may find room."),
        "memory_exceeded": (False, "Its processes held more memory than they may."),
        "exit_nonzero": (True, "The program ended with an exit code other than 0, or by a signal."),
        "tool_missing": (True, "A program that this kind needs is not on this machine; the error names it."),
        "engine_unavailable": (True, "The container engine is there and does not answer."),
        "network_not_allowed": (False, "It asks for hosts, and its limits give it no network."),
        "not_allowed": (False, "This machine's settings do not allow that; the error names the setting."),
        "input_missing": (True, "A file that it should read is not there, or is no plain file."),
        "artefact_missing": (False, "A file that it should have left is not there."),
        "invalid_input": (False, "Its parameters are wrong."),
        "model_refused": (False, "The gateway or the model refuses this prompt; asking again is of no use."),
        "model_away": (True, "No node could answer in time."),
        "not_json": (True, "The answer should be JSON by a schema, and is not."),
        "rows_failed": (True, "More rows or partitions failed than may; those that are done are kept."),
        "tests_failed": (False, "Tests failed, or none ran."),
        "coverage_low": (False, "Less of the code was run by the tests than must be."),
        "report_missing": (True, "The test run ended without a report that can be read."),
        "pipeline_failed": (False, "The outside pipeline says that it failed."),
        "pipeline_away": (True, "The outside pipeline does not answer."),
        "score_low": (False, "The score is below the one that was asked for."),
        "not_run": (True, "A check that was asked for could not be made."),
        "unhealthy": (False, "What was deployed did not become healthy; the release before is back."),
        "rollback_failed": (False, "What was deployed is not healthy, and the release before could not be put back."),
        "undo_impossible": (False, "There is nothing by which this could be undone."),
        "busy": (True, "Another deployment to the same folder is under way."),
        "unsupported": (False, "This version cannot do that."),
        "internal": (True, "A mistake of ours."),
    }
)
"""Code of a failure -> whether another attempt may help, and what it means."""


class Failed(Exception):
    """An attempt failed as ``CODES`` says. ``value`` is what it can tell all the same."""

    def __init__(self, code: str, error: str, *, value: object = None) -> None:
        super().__init__(error)
        self.code = code
        self.error = error
        self.value = value

    @property
    def result(self) -> Result:
        return failed(self.code, self.error, value=self.value)


class Cancelled(Exception):
    """Somebody asked for the end of this attempt."""


def failed(code: str, error: str, *, value: object = None) -> Result:
    """The result of a failure with one of ``CODES``."""
    return Result(ok=False, code=code, error=error, value=value, retryable=CODES[code][0])
