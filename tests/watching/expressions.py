"""Which metrics a PromQL expression asks for, and which of them are documented."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "config/prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
PAGE = ROOT / "docs/reference/metrics.md"

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_LABELS = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_CLAUSE = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()(?![a-zA-Z0-9_:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan"}
_PARTS = ("_bucket", "_sum", "_count")


def metrics_of(expression: str) -> set[str]:
    """Names of series, those of a histogram by the name of the histogram."""
    text = expression
    for pattern in (_TEXT, _LABELS, _CLAUSE):
        text = pattern.sub(" ", text)
    # Digits with letters behind them (5m, 10e6) are no names.
    text = re.sub(r"\b[0-9][0-9a-zA-Z.]*", " ", text)
    return {_family(name) for name in _NAME.findall(text) if name.lower() not in _WORDS}


def _family(name: str) -> str:
    for part in _PARTS:
        if name.endswith(part):
            return name.removesuffix(part)
    return name


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule with the name of its file."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                yield path.name, rule


@cache
def documented() -> frozenset[str]:
    """Names in the page of metrics, which tests of a whole cluster compare with what its processes tell."""
    names = set(re.findall(r"^\| `([a-z_:]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    return frozenset(names | {"up"})
