"""``cluster-ai config``: what is in force, where it is written, and how it is changed."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.settings_file import SettingsFile

# Up to the last @: people write passwords with an @ or a slash in them as they are.
_SECRET_IN_URL: Final = re.compile(r"(?<=://)([^:/@\s]*):\S*@")
_SECRET_IN_QUERY: Final = re.compile(r"(?<=[?&]password=)[^&#]*")


def _names(_context: click.Context, _argument: click.Parameter, typed: str) -> list[str]:
    """For completion in the shell."""
    from cluster_ai.settings_file import fields

    return [name for name, _ in fields() if name.startswith(typed)]


def _shown() -> dict[str, Any]:
    """What is in force, secrets masked."""
    settings = place.settings()
    values = settings.model_dump(mode="json")
    values["ports"] = settings.effective_ports.model_dump(mode="json")
    for name in ("database_url", "redis_url"):
        if values[name]:
            values[name] = _SECRET_IN_QUERY.sub("***", _SECRET_IN_URL.sub(r"\1:***@", values[name]))
    return values


@click.group("config", cls=Noun, help=t("config.help"))
def config() -> None:
    pass


@config.command("show", help=t("config.show"))
@as_json
def whole(*, as_json: bool) -> None:
    values = _shown()
    if as_json:
        show.out_json({"settings": values})
        return
    for name, value in _flat(values, ""):
        show.out(f"{name} = {json.dumps(value, ensure_ascii=False)}" if value is not None else f"# {name}")


@config.command("path", help=t("config.path"))
def path() -> None:
    show.out(str(place.home().config))


@config.command("get", help=t("config.get"))
@click.argument("name", shell_complete=_names)
@as_json
def get(name: str, *, as_json: bool) -> None:
    found: Any = _shown()
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            from cluster_ai.settings_file import unknown

            raise unknown(name)
        found = found[part]
    if as_json:
        show.out_json({"name": name, "value": found})
    elif found is not None:
        show.out(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))


@config.command("set", help=t("config.set"), context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=_names)
@click.argument("value", metavar=t("config.value_metavar"))
@as_json
def put(name: str, value: str, *, as_json: bool) -> None:
    from cluster_ai.settings_file import SettingsFile, meant

    _change(SettingsFile(place.home()), {name: meant(name, value)}, as_json=as_json)


@config.command("unset", help=t("config.unset"))
@click.argument("names", nargs=-1, required=True, shell_complete=_names)
@as_json
def unset(names: tuple[str, ...], *, as_json: bool) -> None:
    from cluster_ai.settings_file import SettingsFile

    _change(SettingsFile(place.home()), dict.fromkeys(names), as_json=as_json)


def _change(file: "SettingsFile", changes: dict[str, Any], *, as_json: bool) -> None:
    from cluster_ai.settings_file import taken_up

    before = file.revision()
    file.change(changes)
    ways = {name: taken_up(name) for name in changes}
    if as_json:
        items = [{"name": name, "taken_up": way} for name, way in ways.items()]
        show.out_json({"items": items, "changed": file.revision() != before})
        return
    if file.revision() == before:
        show.say(t("config.same"))
        return
    show.say(t("config.written", file=file.home.config))
    show.say(t("config.after", command="cluster-ai restart" if "restart" in ways.values() else "cluster-ai reload"))


def _flat(values: dict[str, Any], front: str) -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted name, as TOML takes it; one that is not set has None."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{front}{name}.")
        else:
            yield f"{front}{name}", value
