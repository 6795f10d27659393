"""``config.toml`` changed by name: comments and order stay, and nothing is written that a start would refuse."""

import fcntl
import hashlib
import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, cast

import tomlkit
import tomlkit.exceptions
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from cluster_ai.core import files
from cluster_ai.core.errors import Changed, Conflict, InvalidInput, Misconfigured
from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE, Home
from cluster_ai.gateway.reload import LIVE
from cluster_ai.settings import Settings, checked, written

LOCK: Final = "config.lock"
HOME: Final = "home"
"""The one setting that a file cannot hold: it says where the file lies."""
_HANDED_DOWN: Final = ("lang", "port_base")
"""Our own command tells these to the processes that it starts: that they stand in the environment means nothing."""


class SettingElsewhere(Conflict):
    """The environment of this process gives the setting, and wins over the file."""

    code = "setting_elsewhere"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """Of the data directory ``home``. All methods block."""

    home: Home

    def revision(self) -> str:
        """Another one whenever the file says something else; of no file, too."""
        try:
            content = self.home.config.read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError as exc:
            raise Misconfigured(f"{self.home.config} cannot be read: {exc.strerror}") from exc
        return hashlib.sha256(content).hexdigest()[:16]

    def change(self, changes: Mapping[str, JsonValue], *, seen: str | None = None) -> Settings:
        """Writes settings by their dotted names, all of them or none; None takes one out, so that its default counts.

        Args:
            changes: what each setting is to be, as JSON has it.
            seen: the revision that the caller looked at; None when it does not matter.

        Returns:
            What a start would take now.

        Raises:
            Changed: the file was changed since ``seen``.
            InvalidInput: there is no such setting, or a value is wrong; ``path`` names it.
            Misconfigured: what stands there now is wrong already, or cannot be read or written.
            SettingElsewhere: the environment gives one of them.
        """
        for name in changes:
            _refuse(name)
        with self._alone():
            config = self.home.config
            before = checked(written(config), self.home)
            if seen is not None and seen != self.revision():
                raise Changed("the settings were changed meanwhile", hint="look at them again, then change them")
            old = config.read_text(encoding="utf-8") if config.exists() else ""
            new = edited(old, changes)
            if new == old:
                return before
            try:
                after = checked(tomllib.loads(new), self.home)
            except Misconfigured as exc:
                raise InvalidInput(exc.message, path=next(iter(changes))) from exc
            self._write(new)
            return after

    def _write(self, text: str) -> None:
        config = self.home.config
        try:
            # Who let a group read it meant that.
            mode = config.stat().st_mode & 0o777 if config.exists() else PRIVATE_FILE
            files.replace(config, text, mode=mode)
        except OSError as exc:
            raise Misconfigured(f"{config} cannot be written: {exc.strerror}", hint="is it mounted read-only?") from exc

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two who write at the same time do it one after the other."""
        try:
            self.home.run.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
            handle = os.open(self.home.run / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as exc:
            raise Misconfigured(f"{self.home.run} cannot be written: {exc.strerror}") from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def edited(text: str, changes: Mapping[str, JsonValue]) -> str:
    """The same file with other values. Pure.

    Raises:
        InvalidInput: TOML has no such value, or a person must write this one into the file.
    """
    wanted = tomllib.loads(text)
    document = tomlkit.parse(text)
    for name, value in changes.items():
        if _has_null(value) and value is not None:
            raise InvalidInput("a list or table has no empty values", path=name)
        _put(wanted, name, value, dict)
        try:
            _put(document, name, value, tomlkit.table)
        except tomlkit.exceptions.TOMLKitError as exc:
            raise _by_hand(name) from exc
    after = document.as_string()
    # Files of people have every form that TOML allows: whatever an edit made of one must read as it was meant.
    if not _reads_as(after, wanted):
        raise _by_hand(next(iter(changes)))
    return after


def _put(table: Any, name: str, value: JsonValue, new: Callable[[], Any]) -> None:
    *sections, last = name.split(".")
    for section in sections:
        if section not in table:
            if value is None:
                return
            table[section] = new()
        table = table[section]
    if value is not None:
        table[last] = value
    elif last in table:
        del table[last]


def _reads_as(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _by_hand(name: str) -> InvalidInput:
    return InvalidInput(
        "the file is written in a form that only a person can change here", path=name, hint="cluster-ai config path"
    )


def _has_null(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None


def fields(model: type[BaseModel] = Settings, front: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its dotted name, in the order of the tree."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{front}{name}.")
        else:
            yield f"{front}{name}", field


def unknown(name: str) -> InvalidInput:
    """There is no setting of that name; perhaps one of a name like it."""
    near = get_close_matches(name, [one for one, _ in fields()], n=1)
    said = f"; did you mean {near[0]}?" if near else ""
    return InvalidInput(f"there is no setting {name!r}{said}", path=name, hint="cluster-ai config show")


def meant(name: str, text: str) -> JsonValue:
    """What somebody means who types ``text`` for the setting: TOML as it is, and a text without its quotes.

    What it can be is checked when it is written.
    """
    found = dict(fields()).get(name)
    if found is None:
        raise unknown(name)
    # With what the field says of it: its least and its most.
    form: Any = Annotated[found.annotation, found]
    kind: TypeAdapter[Any] = TypeAdapter(form)
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        read = {"value": text}
    if read.keys() != {"value"} or not _takes(kind, read["value"]):
        read = {"value": text}
    if isinstance(read["value"], str) and _takes(kind, text):
        # Words such as yes for a switch: what they stand for is written.
        value = kind.validate_python(text)
        return value if isinstance(value, bool | int | float) else read["value"]
    return cast("JsonValue", json.loads(json.dumps(read["value"], default=str)))


def _takes(kind: TypeAdapter[Any], value: Any) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


def from_environment() -> dict[str, Any]:
    """What ``CLUSTER_AI_*`` of this process gives, as a tree."""
    return EnvSettingsSource(Settings)()


def is_from_environment(name: str) -> bool:
    """Whether a variable of this process gives the setting, so that the file cannot change it."""
    found: Any = None if name in _HANDED_DOWN else from_environment()
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found is not None


def taken_up(name: str) -> Literal["reload", "restart"]:
    """What brings a change of the setting into force."""
    section, _, last = name.rpartition(".")
    return "reload" if section == "gateway" and last in LIVE else "restart"


def variable(name: str) -> str:
    """The environment variable that gives the setting."""
    return f"CLUSTER_AI_{name.replace('.', '__').upper()}"


def _refuse(name: str) -> None:
    if name == HOME:
        raise InvalidInput(
            "the data directory does not stand in the file that lies in it", path=name, hint="set CLUSTER_AI_HOME"
        )
    if all(name != one for one, _ in fields()):
        raise unknown(name)
    if is_from_environment(name):
        raise SettingElsewhere(
            f"{name} is given by {variable(name)}, which wins over the file",
            hint="change or unset that variable, where the program is started",
        )
