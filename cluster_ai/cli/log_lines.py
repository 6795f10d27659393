"""A line of a log as a person reads it."""

import json
from typing import Final

import click

from cluster_ai.cli import show

_LEVELS: Final = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}
_OWN: Final = {"event", "level", "timestamp", "component"}


def readable(line: str) -> str:
    """A JSON line as ``time level event key=value``; any other line as it is."""
    try:
        said = json.loads(line)
    except ValueError:
        return show.safe(line, keep="\t")
    if not isinstance(said, dict) or "event" not in said:
        return show.safe(line, keep="\t")
    level = str(said.get("level", ""))
    when = str(said.get("timestamp", ""))[11:19]
    rest = " ".join(f"{key}={value}" for key, value in said.items() if key not in _OWN)
    text = show.safe(f"{when} {level:<8} {said['event']}  {rest}".rstrip(), keep="\n\t")
    return click.style(text, fg=_LEVELS[level]) if level in _LEVELS else text
