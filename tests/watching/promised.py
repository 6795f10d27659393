"""Metrics that rules and dashboards use and no process tells yet. Empty it: each line names who will tell it.

A test fails when a metric is used that is neither told nor promised, and when one that is told is still promised.
"""

from typing import Final

PROMISED: Final[dict[str, str]] = {}

PROMISED_VERBS: Final[dict[str, str]] = {}
