"""Objectives as OpenSLO v1 documents (openslo.com/v1), in and out. Pure.

Kinds read: ``SLO`` (one objective, a rolling window in days), ``SLI`` (named by ``indicatorRef``), ``Service``; of our
own ``FreezePolicy`` (``cluster-ai/v1``). What else an OpenSLO file may hold (alert policies, notification targets) is
left out and named. Sources of metrics: ``cluster-ai`` (our own counters) and ``Prometheus``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from cluster_ai.core.errors import InvalidInput
from cluster_ai.slo.types import Budgeting, NewObjective, NewPolicy, Objective, SliQuery, Source
from cluster_ai.slo.yaml_text import read_all, write_all

OPEN: Final = "openslo/v1"
OURS: Final = "cluster-ai/v1"
LEFT_OUT: Final = frozenset({"AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource", "Service"})
_NOTES: Final = "cluster-ai"
"""Key of ``metadata.annotations`` under which stands what OpenSLO has no word for."""
_PERCENT: Final = 100.0
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Read:
    """What a text holds. ``left_out``: kinds that say nothing to us, and why."""

    objectives: tuple[NewObjective, ...] = ()
    policies: tuple[NewPolicy, ...] = ()
    left_out: tuple[str, ...] = ()


def read(text: str) -> Read:
    """The objectives and policies in ``text``.

    Raises:
        InvalidInput: something in it is wrong; all of it is refused then.
    """
    documents = [_document(one) for one in read_all(text)]
    indicators = {_name(one): _part(one, "spec") for one in documents if one.get("kind") == "SLI"}
    objectives, policies, left = [], [], []
    for one in documents:
        match one.get("apiVersion"), one.get("kind"):
            case "openslo/v1", "SLO":
                objectives.append(_objective(one, indicators))
            case "openslo/v1", "SLI":
                continue
            case "openslo/v1", str() as kind if kind in LEFT_OUT:
                left.append(f"{kind} {_name(one)}")
            case "cluster-ai/v1", "FreezePolicy":
                policies.append(_made(NewPolicy, {**_part(one, "spec"), "policy_id": _name(one)}, _name(one)))
            case version, kind:
                raise InvalidInput(f"{str(version)[:40]} {str(kind)[:40]} is no kind that is read here", path="kind")
    _refuse_twice([str(one.slo_id) for one in objectives], [str(one.policy_id) for one in policies])
    return Read(tuple(objectives), tuple(policies), tuple(left))


def write(objectives: Mapping[str, Objective], policies: Mapping[str, BaseModel] | None = None) -> str:
    """Documents that ``read`` turns into the same again."""
    documents = [_told(slo_id, one) for slo_id, one in objectives.items()]
    documents += [
        {"apiVersion": OURS, "kind": "FreezePolicy", "metadata": {"name": name}, "spec": one.model_dump(mode="json")}
        for name, one in (policies or {}).items()
    ]
    return write_all(documents)


# -- in


def _objective(document: Mapping[str, Any], indicators: Mapping[str, Any]) -> NewObjective:
    spec, meta = _part(document, "spec"), _part(document, "metadata")
    name = _name(document)
    ours = _notes(meta)
    fields: dict[str, Any] = {
        "slo_id": name,
        "name": str(meta.get("displayName") or name),
        "description": str(spec.get("description") or ""),
        "service_name": spec.get("service"),
        "window_days": _days(spec),
        "budgeting": spec.get("budgetingMethod", Budgeting.OCCURRENCES.value),
        **_target(spec),
        "sli_query": _query(_indicator(spec, indicators)),
        **ours,
    }
    if fields["sli_query"].get("source") == Source.PROMETHEUS.value:
        fields.setdefault("slo_type", "CUSTOM")
    return _made(NewObjective, {key: value for key, value in fields.items() if value is not None}, name)


def _target(spec: Mapping[str, Any]) -> dict[str, Any]:
    rows = spec.get("objectives")
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        raise InvalidInput("spec.objectives has exactly one entry here", path="spec.objectives")
    row = rows[0]
    percent = row.get("targetPercent")
    target = row.get("target", percent / _PERCENT if isinstance(percent, int | float) else None)
    window = row.get("timeSliceWindow", "1m")
    if window != "1m":
        raise InvalidInput("time slices last one minute here", path="spec.objectives.timeSliceWindow")
    return {"target": target, "slice_target": row.get("timeSliceTarget")}


def _days(spec: Mapping[str, Any]) -> int:
    rows = spec.get("timeWindow")
    row = rows[0] if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict) else None
    found = re.fullmatch(r"([1-9][0-9]{0,2})([dw])", str(row.get("duration"))) if row else None
    if row is None or found is None or row.get("isRolling") is False or "calendar" in row:
        hint = "timeWindow: [{duration: 30d, isRolling: true}]"
        raise InvalidInput("the window is a rolling one of days or weeks here", path="spec.timeWindow", hint=hint)
    return int(found[1]) * (7 if found[2] == "w" else 1)


def _indicator(spec: Mapping[str, Any], indicators: Mapping[str, Any]) -> Mapping[str, Any]:
    if reference := spec.get("indicatorRef"):
        if reference not in indicators:
            raise InvalidInput(f"no SLI {str(reference)[:64]} is in this text", path="spec.indicatorRef")
        found: Mapping[str, Any] = indicators[reference]
        return found
    return _part(_part(spec, "indicator"), "spec")


def _query(indicator: Mapping[str, Any]) -> dict[str, Any]:
    ratio = indicator.get("ratioMetric")
    if not isinstance(ratio, dict):
        raise InvalidInput("an indicator is a ratioMetric here", path="spec.indicator.spec")
    sources = {key: _part(_part(ratio, key), "metricSource") for key in ("good", "bad", "total") if key in ratio}
    kinds = {str(one.get("type", "")).casefold() for one in sources.values()}
    if kinds == {"cluster-ai"}:
        return dict(_part(next(iter(sources.values())), "spec"))
    if kinds != {"prometheus"} or "total" not in sources:
        raise InvalidInput("metric sources here: cluster-ai, or Prometheus with total", path="ratioMetric")
    queries = {key: _part(one, "spec").get("query") for key, one in sources.items()}
    named = {"valid" if key == "total" else key: query for key, query in queries.items()}
    return {"source": Source.PROMETHEUS.value, **named}


def _notes(meta: Mapping[str, Any]) -> dict[str, Any]:
    annotations = meta.get("annotations") or {}
    ours = annotations.get(_NOTES) if isinstance(annotations, dict) else None
    if ours is None:
        return {}
    if not isinstance(ours, dict):
        raise InvalidInput(f"metadata.annotations.{_NOTES} is a table", path="metadata.annotations")
    return dict(ours)


def _made(kind: type[M], fields: Mapping[str, Any], name: str) -> M:
    try:
        return kind.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{name}: {where}: {first['msg']}"[:400], path=(where or name)[:80]) from exc


def _document(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput("a document is a table with apiVersion, kind, metadata and spec", path="yaml")
    return value


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    if not isinstance(found, dict):
        raise InvalidInput(f"{key} is missing, or no table", path=key)
    return found


def _name(document: Mapping[str, Any]) -> str:
    return str(_part(document, "metadata").get("name", ""))[:64]


def _refuse_twice(*names: list[str]) -> None:
    for kind in names:
        if twice := {name for name in kind if kind.count(name) > 1}:
            raise InvalidInput(f"{min(twice)} stands twice in this text", path="metadata.name")


# -- out


def _told(slo_id: str, one: Objective) -> dict[str, Any]:
    goal: dict[str, Any] = {"target": one.target}
    if one.slice_target is not None:
        goal |= {"timeSliceTarget": one.slice_target, "timeSliceWindow": "1m"}
    known = {"name", "description", "service_name", "window_days", "budgeting", "target", "slice_target", "sli_query"}
    notes = one.model_dump(mode="json", exclude=known, exclude_defaults=True)
    meta: dict[str, Any] = {"name": slo_id, "displayName": one.name}
    return {
        "apiVersion": OPEN,
        "kind": "SLO",
        "metadata": meta | ({"annotations": {_NOTES: notes}} if notes else {}),
        "spec": {
            "description": one.description,
            "service": one.service_name,
            "indicator": {"metadata": {"name": slo_id}, "spec": {"ratioMetric": _ratio(one.sli_query)}},
            "timeWindow": [{"duration": f"{one.window_days}d", "isRolling": True}],
            "budgetingMethod": one.budgeting.value,
            "objectives": [goal],
        },
    }


def _ratio(query: SliQuery) -> dict[str, Any]:
    if query.source is not Source.PROMETHEUS:
        spec = query.model_dump(mode="json", exclude_defaults=True) | {"source": query.source.value}
        return {"counter": True, "total": {"metricSource": {"type": "cluster-ai", "spec": spec}}}
    parts = {"good": query.good, "bad": query.bad, "total": query.valid}
    return {
        "counter": True,
        **{
            key: {"metricSource": {"type": "Prometheus", "spec": {"query": text}}}
            for key, text in parts.items()
            if text
        },
    }
