"""``cluster-ai config``: what is in force, and where it is written."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t

# Up to the last @: people write passwords with an @ or a slash in them as they are.
_SECRET_IN_URL: Final = re.compile(r"(?<=://)([^:/@\s]*):\S*@")
_SECRET_IN_QUERY: Final = re.compile(r"(?<=[?&]password=)[^&#]*")


@click.group("config", cls=Noun, help=t("config.help"))
def config() -> None:
    pass


@config.command("show", help=t("config.show"))
@as_json
def whole(*, as_json: bool) -> None:
    settings = place.settings()
    values = settings.model_dump(mode="json")
    values["ports"] = settings.effective_ports.model_dump(mode="json")
    for name in ("database_url", "redis_url"):
        if values[name]:
            values[name] = _SECRET_IN_QUERY.sub("***", _SECRET_IN_URL.sub(r"\1:***@", values[name]))
    if as_json:
        show.out_json({"settings": values})
        return
    for name, value in _flat(values, ""):
        show.out(f"{name} = {json.dumps(value, ensure_ascii=False)}" if value is not None else f"# {name}")


@config.command("path", help=t("config.path"))
def path() -> None:
    show.out(str(place.home().config))


def _flat(values: dict[str, Any], front: str) -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted name, as TOML takes it; one that is not set has None."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{front}{name}.")
        else:
            yield f"{front}{name}", value
