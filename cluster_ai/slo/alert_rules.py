"""Objectives made of the alert rules that somebody has already. Pure.

Read are rules of the form ``failures / all > number`` (or ``good / all < number``) over ranges: their two sides become
the queries, their number the target. What has another form is left out, with the reason.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from cluster_ai.core.errors import InvalidInput
from cluster_ai.slo.types import NewObjective
from cluster_ai.slo.yaml_text import read_all

_RANGE: Final = re.compile(r"\[[0-9a-z]+\]")
_RATE: Final = re.compile(r"\bi?rate\s*\(")
_NUMBER: Final = re.compile(r"\(?\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*\)?$")
_OPEN: Final = "([{"
_CLOSED: Final = ")]}"
MOST: Final = 1000
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made of a file; ``left_out`` by the names of alerts, with reasons."""

    objectives: tuple[NewObjective, ...]
    left_out: dict[str, str]


def take(text: str, *, service: str) -> Taken:
    """The objectives in a file of Prometheus' rules.

    Raises:
        InvalidInput: it is no such file.
    """
    made: dict[str, NewObjective] = {}
    left: dict[str, str] = {}
    for rule in _rules(text):
        name = str(rule.get("alert"))[:128]
        slo_id = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")[:63]
        try:
            one = _objective(rule, name, slo_id, service)
        except InvalidInput as exc:
            left[name] = exc.message
            continue
        if slo_id in made:
            left[name] = "another alert of this file has that name"
        made.setdefault(slo_id, one)
    return Taken(tuple(made.values()), left)


def _rules(text: str) -> Iterator[dict[str, Any]]:
    documents = read_all(text)
    groups = documents[0].get("groups") if len(documents) == 1 and isinstance(documents[0], dict) else None
    if not isinstance(groups, list):
        raise InvalidInput("a file of rules has groups", path="yaml")
    lists = [group.get("rules") for group in groups if isinstance(group, dict)]
    found = [rule for rules in lists if isinstance(rules, list) for rule in rules]
    if len(found) > MOST:
        raise InvalidInput(f"more than {MOST} rules", path="yaml")
    yield from (rule for rule in found if isinstance(rule, dict) and "alert" in rule)


def _objective(rule: dict[str, Any], name: str, slo_id: str, service: str) -> NewObjective:
    labels = rule.get("labels") or {}
    fields = {
        "slo_id": slo_id,
        "name": name,
        "slo_type": "CUSTOM",
        "service_name": str(labels.get("service") or service) if isinstance(labels, dict) else service,
        **_parts(str(rule.get("expr", ""))),
    }
    try:
        return NewObjective.model_validate(fields)
    except ValidationError as exc:
        raise InvalidInput(str(exc.errors()[0]["msg"])[:200]) from exc


def _parts(expr: str) -> dict[str, Any]:
    """Target and queries of ``a / b > number``."""
    sign = next((one for one in (">=", ">", "<=", "<") if len(_split(expr, one)) == _TWO), "")
    if not sign:
        raise InvalidInput("it compares nothing with a number")
    is_bad, sides = sign.startswith(">"), _split(expr, sign)
    number = _NUMBER.match(sides[1].strip())
    halves = _split(_bare(sides[0]), "/")
    if number is None or len(halves) != _TWO:
        raise InvalidInput("it is not: one sum divided by another, compared with a number")
    limit = float(number[1])
    # Budgets are counted in events; a rate would make seconds of them.
    top, bottom = (_RATE.sub("increase(", _RANGE.sub("[$window]", half.strip())) for half in halves)
    if "$window" not in top or "$window" not in bottom:
        raise InvalidInput("both sides of the division need a range")
    target = round(1 - limit, 12) if is_bad else limit
    if not 0 < target < 1:
        raise InvalidInput(f"{limit:g} is no share of errors")
    query = {"source": "prometheus", "bad" if is_bad else "good": top, "valid": bottom}
    return {"target": target, "sli_query": query}


def _split(text: str, sign: str) -> list[str]:
    """``text`` at each ``sign`` that stands outside of brackets and quotes."""
    found, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        else:
            depth += (char in _OPEN) - (char in _CLOSED)
            if depth == 0 and text.startswith(sign, at) and at >= start:
                found.append(text[start:at])
                start = at + len(sign)
    return [*found, text[start:]]


def _bare(text: str) -> str:
    """Without brackets around all of it."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes_last(text):
        text = text[1:-1].strip()
    return text


def _closes_last(text: str) -> bool:
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at == len(text) - 1
    return False
