"""Objectives, budgets and freezes as calls of the management API. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from cluster_ai.client.calls import API, Call, Listing, nothing, segment
from cluster_ai.core.wire import View
from cluster_ai.slo.types import BudgetView, BurnView, FreezeView, ObjectiveView, PolicyView, etag

PROMETHEUS_SECONDS: Final = 75.0
"""Somebody else's server is asked meanwhile, three times if need be."""


class Slos(Listing[ObjectiveView]):
    """All of them."""


class Budgets(Listing[BudgetView]):
    """All of them."""


class Policies(Listing[PolicyView]):
    """All of them."""


class Freezes(Listing[FreezeView]):
    """Some of them."""


class Tried(View):
    """What an objective's query finds in the last hour."""

    good: float = 0.0
    valid: float = 0.0
    sli_value: float | None = None
    window_seconds: int = 0
    problem: str = ""


class Imported(View):
    """What came of an import."""

    objectives: tuple[ObjectiveView, ...] = ()
    policies: tuple[str, ...] = ()
    left_out: dict[str, str] = Field(default_factory=dict)


class Silence(View):
    """Alerts that are quiet, as the Alertmanager has it."""

    id: str
    state: str = ""
    created_by: str = Field(default="", alias="createdBy")
    comment: str = ""
    starts_at: str = Field(default="", alias="startsAt")
    ends_at: str = Field(default="", alias="endsAt")
    matchers: tuple[dict[str, Any], ...] = ()


class Silences(Listing[Silence]):
    """All of them."""


def slos() -> Call[tuple[ObjectiveView, ...]]:
    return Call("GET", f"{API}/slos", lambda body: Slos.model_validate_json(body).items, query={"limit": "500"})


def slo(slo_id: str) -> Call[ObjectiveView]:
    return Call("GET", f"{API}/slos/{segment(slo_id)}", ObjectiveView.model_validate_json)


def create_slo(fields: Mapping[str, Any]) -> Call[ObjectiveView]:
    return Call("POST", f"{API}/slos", ObjectiveView.model_validate_json, body=fields)


def change_slo(seen: ObjectiveView, fields: Mapping[str, Any]) -> Call[ObjectiveView]:
    """``fields``: the whole objective as it is to be; refused when it is not any more as it was ``seen``."""
    path, headers = f"{API}/slos/{segment(seen.slo_id)}", {"If-Match": etag(seen)}
    return Call("PUT", path, ObjectiveView.model_validate_json, body=fields, headers=headers)


def delete_slo(slo_id: str) -> Call[None]:
    return Call("DELETE", f"{API}/slos/{segment(slo_id)}", nothing)


def try_slo(slo_id: str) -> Call[Tried]:
    path = f"{API}/slos/{segment(slo_id)}/test"
    return Call("POST", path, Tried.model_validate_json, body={}, seconds=PROMETHEUS_SECONDS)


def import_openslo(yaml: str) -> Call[Imported]:
    return Call("POST", f"{API}/slos/import/openslo", Imported.model_validate_json, body={"yaml": yaml})


def import_alerts(yaml: str, service: str) -> Call[Imported]:
    body = {"yaml": yaml, "service": service}
    return Call("POST", f"{API}/slos/import/alerts", Imported.model_validate_json, body=body)


def export(slo_id: str = "") -> Call[str]:
    query = {"slo_id": slo_id} if slo_id else {}
    return Call("GET", f"{API}/slos/export", _text, query=query)


def rules(slo_id: str = "") -> Call[str]:
    path = f"{API}/slos/{segment(slo_id)}/rules" if slo_id else f"{API}/slos/rules"
    return Call("GET", path, _text)


def budgets() -> Call[tuple[BudgetView, ...]]:
    return Call("GET", f"{API}/budgets", lambda body: Budgets.model_validate_json(body).items)


def budget(slo_id: str, *, again: bool = False) -> Call[BudgetView]:
    """``again``: summed up afresh."""
    path = f"{API}/budgets/{segment(slo_id)}"
    if not again:
        return Call("GET", path, BudgetView.model_validate_json)
    return Call("POST", f"{path}/recalculate", BudgetView.model_validate_json, body={}, seconds=PROMETHEUS_SECONDS)


def burn(slo_id: str, hours: int) -> Call[BurnView]:
    path = f"{API}/budgets/{segment(slo_id)}/burn-rate"
    return Call("GET", path, BurnView.model_validate_json, query={"window_hours": str(hours)})


def policies() -> Call[tuple[PolicyView, ...]]:
    read = lambda body: Policies.model_validate_json(body).items  # noqa: E731
    return Call("GET", f"{API}/policies", read, query={"limit": "500"})


def create_policy(fields: Mapping[str, Any]) -> Call[PolicyView]:
    return Call("POST", f"{API}/policies", PolicyView.model_validate_json, body=fields)


def delete_policy(policy_id: str) -> Call[None]:
    return Call("DELETE", f"{API}/policies/{segment(policy_id)}", nothing)


def freezes(*, past: bool = False, limit: int = 100) -> Call[tuple[FreezeView, ...]]:
    """Those that hold now, or all of them, the newest first."""
    read = lambda body: Freezes.model_validate_json(body).items  # noqa: E731
    if past:
        return Call("GET", f"{API}/policies/freezes/history", read, query={"limit": str(limit)})
    return Call("GET", f"{API}/policies/freezes/active", read)


def resolve(event_id: str, reason: str) -> Call[FreezeView]:
    return _freeze(event_id, "resolve", {"reason": reason})


def override(event_id: str, reason: str, minutes: int) -> Call[FreezeView]:
    return _freeze(event_id, "override", {"reason": reason, "minutes": minutes})


def approve(event_id: str, override_id: str) -> Call[FreezeView]:
    return _freeze(event_id, f"override/{segment(override_id)}/approve", {})


def silences() -> Call[tuple[Silence, ...]]:
    read = lambda body: Silences.model_validate_json(body).items  # noqa: E731
    return Call("GET", f"{API}/silences", read, seconds=PROMETHEUS_SECONDS)


def add_silence(fields: Mapping[str, Any]) -> Call[Silence]:
    return Call("POST", f"{API}/silences", Silence.model_validate_json, body=fields, seconds=PROMETHEUS_SECONDS)


def remove_silence(silence_id: str) -> Call[None]:
    return Call("DELETE", f"{API}/silences/{segment(silence_id)}", nothing, seconds=PROMETHEUS_SECONDS)


def _freeze(event_id: str, verb: str, body: Mapping[str, Any]) -> Call[FreezeView]:
    path = f"{API}/policies/freezes/{segment(event_id)}/{verb}"
    return Call("POST", path, FreezeView.model_validate_json, body=body)


def _text(body: bytes) -> str:
    return body.decode("utf-8")
