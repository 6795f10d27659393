"""What this head runs with: each setting by its dotted name, where it came from, and when a change is taken up."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, JsonValue, SecretStr
from pydantic.fields import FieldInfo

from backend.settings_forms import Kind, forms, is_changed_here
from cluster_ai.core.errors import Forbidden, InvalidInput, Misconfigured
from cluster_ai.core.wire import View
from cluster_ai.gateway.reloading import reload_all
from cluster_ai.logs.masking import STARS, masked
from cluster_ai.pki.facts import TlsView, tls_facts
from cluster_ai.settings import Settings, head_files, joined, load, written
from cluster_ai.settings_file import SettingsFile, fields, from_environment, is_from_environment, taken_up

Source = Literal["default", "file", "membership", "environment"]

# Up to the last @: a password may have one of its own.
_USER_IN_URL: Final = re.compile(r"(?<=://).*@")


class SettingView(View):
    """One setting. ``value`` is what the API has had since it started, ``***`` in place of a secret (``secret``).

    ``written``: what a start would take now. ``source``: ``membership`` is what joining a cluster wrote.
    ``changed``: ``written`` is something else than ``value``; ``taken_up`` says what brings it. A gateway that was
    reloaded since has it already. ``kind``, ``choices`` and ``optional`` (it may be not set) are for forms; ``locked``:
    why the API does not change it: the environment gives it, or it is for who sits at the machine.
    """

    name: str
    value: JsonValue
    written: JsonValue
    default: JsonValue
    source: Source
    meaning: str
    secret: bool
    taken_up: Literal["reload", "restart"]
    changed: bool
    kind: Kind
    choices: tuple[str, ...]
    optional: bool
    locked: Literal["", "environment", "machine"]


class SettingsView(View):
    """All of them. ``file``: its path; ``readable``: what is written there now would be taken at a start.

    ``revision``: of the file, for ``If-Match``.
    """

    file: str
    readable: bool
    revision: str
    items: tuple[SettingView, ...]


class SettingLocked(Forbidden):
    """The setting is changed by who sits at the machine, not over the network."""

    code = "setting_locked"


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
            "environment": from_environment(),
            "file": file,
            "membership": member,
        }
        now = _plain(self.settings)
        items = tuple(_one(name, field, now, later, _source(name, given)) for name, field in fields())
        revision = SettingsFile(home).revision()
        return SettingsView(file=str(home.config), readable=later is not None, revision=revision, items=items)

    def change(self, changes: Mapping[str, JsonValue], *, seen: str | None) -> None:
        """Writes them, all or none; what gateways of this machine take up while they serve is in force then.

        Raises:
            SettingLocked: one of them is not for the API.
            ClusterError: as ``SettingsFile.change``.
        """
        for name, value in changes.items():
            if not is_changed_here(name):
                raise SettingLocked(
                    f"{name} is changed at the machine itself", hint=f"there: cluster-ai config set {name} VALUE"
                )
            if STARS in json.dumps(value):
                raise InvalidInput("three stars stand for a secret, and are none", path=name)
        home = self.settings.paths
        SettingsFile(home).change(changes, seen=seen)
        if any(taken_up(name) == "reload" for name in changes):
            reload_all(home.run)

    def tls(self, now: float) -> TlsView:
        """The authority and the head's certificate, as they lie there; makes and renews nothing.

        Raises:
            NoCertificate: what lies there is damaged.
        """
        return tls_facts(head_files(self.settings), now)


def _one(name: str, field: FieldInfo, now: dict[str, Any], later: dict[str, Any] | None, source: Source) -> SettingView:
    value = _at(now, name)
    coming = value if later is None else _at(later, name)
    last, form = name.rpartition(".")[2], forms()[name]
    shown = _shown(last, value)
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return SettingView(
        name=name,
        value=shown,
        written=_shown(last, coming),
        default=_json(default),
        source=source,
        meaning=field.description or "",
        secret=shown != _bare(value) or _shown(last, coming) != _bare(coming),
        taken_up=taken_up(name),
        changed=coming != value,
        kind=form.kind,
        choices=form.choices,
        optional=form.optional,
        locked="machine" if not is_changed_here(name) else "environment" if is_from_environment(name) else "",
    )


def _shown(last: str, value: Any) -> JsonValue:
    bare = _bare(value, STARS)
    # The path of a file that holds a secret is none.
    found: JsonValue = bare if last.endswith("_file") else masked({last: bare})[last]
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
