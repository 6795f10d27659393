"""What modules write into their logs, whatever a test before has set up for all logs of the process."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import structlog
from structlog.testing import LogCapture


@contextmanager
def told_by(*modules: ModuleType) -> Iterator[list[MutableMapping[str, Any]]]:
    """Their records, each with ``event`` and ``log_level``. A module's logger must be called ``log``.

    A logger that was used while logs were set up to be quick keeps that for good, so it is replaced.
    """
    capture, usual = LogCapture(), [module.log for module in modules]
    for module in modules:
        module.log = structlog.wrap_logger(
            structlog.PrintLogger(),
            processors=[structlog.stdlib.add_log_level, capture],
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=False,
        )
    try:
        yield capture.entries
    finally:
        for module, log in zip(modules, usual, strict=True):
            module.log = log
