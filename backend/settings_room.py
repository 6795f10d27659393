"""What this head runs with: each setting by its dotted name, where it came from, and when a change is taken up."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, JsonValue, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.wire import View
from cluster_ai.gateway.reload import LIVE
from cluster_ai.logs.masking import STARS, masked
from cluster_ai.pki.facts import TlsView, tls_facts
from cluster_ai.settings import Settings, head_files, joined, load, written

Source = Literal["default", "file", "membership", "environment"]

# Up to the last @: a password may have one of its own.
_USER_IN_URL: Final = re.compile(r"(?<=://).*@")


class SettingView(View):
    """One setting. ``value`` is what the API has had since it started, ``***`` in place of a secret (``secret``).

    ``source``: ``membership`` is what joining a cluster wrote. ``changed``: what is written now is something else;
    ``taken_up`` says what brings it. A gateway that was reloaded since has it already.
    """

    name: str
    value: JsonValue
    default: JsonValue
    source: Source
    meaning: str
    secret: bool
    taken_up: Literal["reload", "restart"]
    changed: bool


class SettingsView(View):
    """All of them. ``file``: its path; ``readable``: what is written there now would be taken at a start."""

    file: str
    readable: bool
    items: tuple[SettingView, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Of the process that was started with ``settings``. All methods block."""

    settings: Settings

    def view(self) -> SettingsView:
        """Every setting, in the order of the tree. A file that became wrong hides nothing: see ``readable``."""
        home = self.settings.paths
        file: dict[str, Any] = {}
        member: dict[str, Any] = {}
        later: dict[str, Any] | None = None
        try:
            file, member = written(home.config), {"agent": joined(home.membership)}
            later = _plain(load({"CLUSTER_AI_HOME": str(home.root)}))
        except Misconfigured:
            pass
        given: dict[Source, dict[str, Any]] = {
            "environment": EnvSettingsSource(Settings)(),
            "file": file,
            "membership": member,
        }
        now = _plain(self.settings)
        items = tuple(_one(name, field, now, later, _source(name, given)) for name, field in _fields(Settings, ""))
        return SettingsView(file=str(home.config), readable=later is not None, items=items)

    def tls(self, now: float) -> TlsView:
        """The authority and the head's certificate, as they lie there; makes and renews nothing.

        Raises:
            NoCertificate: what lies there is damaged.
        """
        return tls_facts(head_files(self.settings), now)


def _one(name: str, field: FieldInfo, now: dict[str, Any], later: dict[str, Any] | None, source: Source) -> SettingView:
    section, _, last = name.rpartition(".")
    value = _at(now, name)
    shown = _shown(last, value)
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return SettingView(
        name=name,
        value=shown,
        default=_json(default),
        source=source,
        meaning=field.description or "",
        secret=shown != _bare(value),
        taken_up="reload" if section == "gateway" and last in LIVE else "restart",
        changed=later is not None and _at(later, name) != value,
    )


def _shown(last: str, value: Any) -> JsonValue:
    found: JsonValue = masked({last: _bare(value, STARS)})[last]
    return _USER_IN_URL.sub(f"{STARS}@", found) if isinstance(found, str) else found


def _bare(value: Any, secret: str | None = None) -> Any:
    """As JSON has it. A secret is ``secret``, or its own value for comparing, which never leaves this module."""
    if isinstance(value, SecretStr):
        return value.get_secret_value() if secret is None else secret
    if isinstance(value, dict):
        return {str(key): _bare(one, secret) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(one, secret) for one in value]
    return _json(value)


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_text))


def _text(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _plain(settings: Settings) -> dict[str, Any]:
    # Not in JSON's mode: two secrets would be the same stars.
    return settings.model_dump()


def _at(values: dict[str, Any], name: str) -> Any:
    found: Any = values
    for part in name.split("."):
        found = found[part]
    return found


def _source(name: str, given: dict[Source, dict[str, Any]]) -> Source:
    for source, values in given.items():
        found: Any = values
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            return source
    return "default"


def _fields(model: type[BaseModel], front: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{front}{name}.")
        else:
            yield f"{front}{name}", field
