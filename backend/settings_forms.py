"""What a form has to know of each setting: its kind, its choices, whether it may be empty. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from cluster_ai.settings import Settings
from cluster_ai.settings_file import fields

Kind = Literal["switch", "integer", "number", "text", "choice", "list", "table"]

_KINDS: Final[Mapping[str, Kind]] = {
    "boolean": "switch", "integer": "integer", "number": "number", "string": "text", "array": "list",
    "object": "table",
}  # fmt: skip

AT_THE_MACHINE: Final = (
    # Where things lie and what runs as whom: who could set these from afar would have the machine, not the cluster.
    "home", "database_url", "redis_url", "executors", "agent", "node.models", "slo.folder", "backup.folder", "update",
    "notify.smtp.password_file",
    # Who gets in, and whom the cluster calls.
    "allowed_hosts", "backend.trusted_proxies", "gateway.anonymous", "gateway.open_webui_secret",
    "gateway.trust_user_headers", "notify.allow",
    # Who gets one of these wrong from afar cannot get back to mend it.
    "bind", "port_base", "ports", "machines.bind", "machines.names",
)  # fmt: skip
"""Settings and sections that are changed by who sits at the machine, with ``cluster-ai config set``."""


class Form(NamedTuple):
    """``choices``: of a ``choice``. ``optional``: it may be not set at all."""

    kind: Kind
    choices: tuple[str, ...]
    optional: bool


def is_changed_here(name: str) -> bool:
    """Whether the API changes it."""
    return not any(name == one or name.startswith(f"{one}.") for one in AT_THE_MACHINE)


@cache
def forms() -> Mapping[str, Form]:
    """Of every setting by its dotted name."""
    schema = Settings.model_json_schema()
    return {name: _form(_at(schema, name), schema) for name, _ in fields()}


def _at(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = schema
    for part in name.split("."):
        found = _resolved(found, schema)["properties"][part]
    return found


def _form(found: Mapping[str, Any], schema: Mapping[str, Any]) -> Form:
    found = _resolved(found, schema)
    alternatives = [_resolved(one, schema) for one in found.get("anyOf", ())]
    filled = [one for one in alternatives if one.get("type") != "null"]
    optional = len(filled) < len(alternatives)
    if filled:
        found = filled[0]
    if "enum" in found:
        return Form("choice", tuple(map(str, found["enum"])), optional)
    return Form(_KINDS[found["type"]], (), optional)


def _resolved(found: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in found:
        found = schema["$defs"][found["$ref"].rpartition("/")[2]]
    return found
