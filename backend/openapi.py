"""The API's description, completed from the policy table. ``python -m backend.openapi`` writes docs/openapi.json."""

import json
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.errors import PROBLEM_TYPE, TITLES, Problem
from backend.policy import SAFE_METHODS, Rule, rule_of
from cluster_ai.core.wire import JSON_TYPE

TARGET: Final = Path(__file__).parents[1] / "docs" / "openapi.json"
_REF: Final = "#/components/schemas/{model}"
_STATUSES: Final = tuple(sorted(TITLES))
_OPEN_READS: Final = tuple(status for status in _STATUSES if status != 401)  # noqa: PLR2004 - the status is its name
TOO_LARGE: Final = 413
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole description: what each route answers, who may call it, and the one error shape."""
    found = get_openapi(title=app.title, version="1", description=app.description, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= _problem_schemas()
    found["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token, or the internal token."},
        "session": {"type": "apiKey", "in": "cookie", "name": "cluster_ai_session"},
    }
    for path, operations in found["paths"].items():
        for method in _METHODS:
            if method in operations:
                _complete(operations[method], _rule(method, path))
    _drop(found, "uniqueItems")
    return found


def _drop(found: Any, word: str) -> None:
    """Out of all schemas: what is said twice in a set is taken as said once, so none refuses it."""
    if isinstance(found, dict):
        found.pop(word, None)
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        _drop(inner, word)


def render(app: FastAPI) -> str:
    """As it is committed."""
    return json.dumps(describe(app), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _rule(method: str, path: str) -> Rule:
    # The description knows {model}, the router {model:path}.
    routed = path.replace("{model}", "{model:path}").replace("{path}", "{path:path}")
    rule = rule_of(method.upper(), path) or rule_of(method.upper(), routed)
    assert rule is not None, f"{method} {path} started without a rule"
    return rule


def _complete(operation: dict[str, Any], rule: Rule) -> None:
    statuses = _OPEN_READS if rule.open and rule.method in SAFE_METHODS else _STATUSES
    for status in statuses:
        operation["responses"].setdefault(str(status), _problem(status))
        if status == 422:  # noqa: PLR2004 - the framework's own shape for it is not ours
            operation["responses"]["422"] = _problem(status)
    if not rule.open:
        operation["security"] = [{"bearer": []}, {"session": []}]
    operation["x-least-role"] = rule.least
    operation["x-scope"] = rule.scope


def _problem(status: int) -> dict[str, Any]:
    said = {"schema": {"$ref": _REF.format(model="Problem")}}
    # A body that is too large is refused by the listener, in the type that every client of models reads.
    kinds = (PROBLEM_TYPE, JSON_TYPE) if status == TOO_LARGE else (PROBLEM_TYPE,)
    return {"description": TITLES[status], "content": dict.fromkeys(kinds, said)}


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template=_REF, mode="serialization")
    inner: dict[str, Any] = schema.pop("$defs", {})
    return {"Problem": schema, **inner}


def main() -> None:
    from backend.app import create_api  # noqa: PLC0415 - the application imports this module

    TARGET.write_text(render(create_api()), encoding="utf-8")


if __name__ == "__main__":
    main()
