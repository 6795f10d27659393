"""What plans and tickets are made of, for other programs: JSON Schema and Avro, both made from the types. Pure.

Avro: https://avro.apache.org/docs/1.12.0/specification/. What may hold any JSON is a string with that JSON in it.
"""

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from cluster_ai.plans.types import NewPlan, PlanView, TicketView

SchemaName = Literal["new-plan.json", "ticket.json", "plan.json", "ticket.avsc", "plan.avsc"]
NAMESPACE: Final = "cluster_ai.plans"
_MODELS: Final[Mapping[str, type[BaseModel]]] = {"new-plan": NewPlan, "ticket": TicketView, "plan": PlanView}
_PLAIN: Final = {str: "string", int: "long", float: "double", bool: "boolean", NoneType: "null"}


def published(name: SchemaName) -> dict[str, Any]:
    """The schema of that name."""
    stem, _, kind = name.partition(".")
    return avro(_MODELS[stem]) if kind == "avsc" else json_schema(_MODELS[stem])


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema 2020-12."""
    mode: Literal["validation", "serialization"] = "validation" if model is NewPlan else "serialization"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | model.model_json_schema(mode=mode)


def avro(model: type[BaseModel], known: set[str] | None = None) -> dict[str, Any]:
    """An Avro record; a name is defined where it comes first."""
    names = set() if known is None else known
    names.add(model.__name__)
    fields = [
        {"name": name, "type": _avro_type(field.annotation, names)} for name, field in model.model_fields.items()
    ]  # fmt: skip
    return {"type": "record", "name": model.__name__, "namespace": NAMESPACE, "fields": fields}


def _avro_type(kind: Any, known: set[str]) -> Any:  # noqa: PLR0911 - a line for each kind
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return [_avro_type(one, known) for one in sorted(inner, key=lambda one: one is not NoneType)]
    if origin is tuple:
        return {"type": "array", "items": _avro_type(inner[0], known)}
    if origin is dict and inner[1] in _PLAIN:
        return {"type": "map", "values": _PLAIN[inner[1]]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _named(kind, known, {"type": "enum", "symbols": [one.value for one in kind]})
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.__name__ if kind.__name__ in known else avro(kind, known)
    return "string"


def _named(kind: type[Enum], known: set[str], made: dict[str, Any]) -> Any:
    if kind.__name__ in known:
        return kind.__name__
    known.add(kind.__name__)
    return {"name": kind.__name__} | made
