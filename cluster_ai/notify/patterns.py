"""Which events an endpoint wants. Pure."""

from collections.abc import Iterable


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Whether any of ``patterns`` names ``event_type``: itself, all below a word (``ticket.*``), or all (``*``)."""
    return any(_names(pattern, event_type) for pattern in patterns)


def _names(pattern: str, event_type: str) -> bool:
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type
