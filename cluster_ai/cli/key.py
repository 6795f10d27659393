"""``cluster-ai key``: who may use the gateway, for what and how much."""

import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.keys.types import KeyView

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS: Final = ("key", "name", "owner", "state", "scopes", "models", "limits", "priority", "expires", "used")
FIT: Final = show.fit_of(
    COLUMNS,
    whole=["key", "name"],
    spare=("scopes", "priority", "owner", "limits", "models", "used", "expires", "state"),
)
LIMITS: Final = ("requests_per_minute", "requests_per_day", "tokens_per_minute", "tokens_per_day")
_SHORT: Final = dict(zip(LIMITS, ("req/min", "req/day", "tok/min", "tok/day"), strict=True))
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}


@click.group("key", cls=Noun, help=t("key.help"))
def key() -> None:
    pass


def _rights(function: F) -> F:
    """The options that say what a key may do."""
    options = [
        click.option("--scope", "scopes", type=click.Choice(["models:use", "models:write"]), multiple=True,
                     help=t("key.scope")),
        click.option("--model", "models", multiple=True, metavar=t("meta.pattern"), help=t("key.model")),
        *(
            click.option(f"--{name.replace('_', '-')}", type=click.IntRange(min=0), metavar="N",
                         help=t(f"key.{name}"))
            for name in LIMITS
        ),
        click.option("--priority", type=click.Choice(["interactive", "normal", "background", "batch"]),
                     help=t("key.priority")),
        click.option("--resume/--no-resume", default=None, help=t("key.resume")),
        click.option("--hedge/--no-hedge", default=None, help=t("key.hedge")),
        click.option("--expires", metavar=t("meta.time"), help=t("key.expires")),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@key.command("create", help=t("key.create"))
@click.argument("name", metavar=t("meta.name"))
@click.option("--owner", metavar=t("meta.user"), help=t("key.owner"))
@_rights
@as_json
def create(*, name: str, owner: str | None, as_json: bool, **rights: Any) -> None:
    from cluster_ai.client import keyring

    fields = {"name": name, **_fields(rights)} | ({"owner": owner} if owner else {})
    with place.client() as client:
        made = client.send(keyring.create_key(fields))
    if as_json:
        show.out_json(made.model_dump(mode="json"))
        return
    # The secret alone goes to stdout, so that a script can take it.
    show.say(t("key.made", name=show.safe(name)))
    show.out(made.secret)


@key.command("list", help=t("key.list"))
@click.option("--all", "everything", is_flag=True, help=t("key.all"))
@as_json
def listing(*, everything: bool, as_json: bool) -> None:
    from cluster_ai.client import keyring

    with place.client() as client:
        found = [row for row in client.send(keyring.keys()) if everything or row.state == "active"]
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


@key.command("change", help=t("key.change"))
@click.argument("which", metavar=t("meta.key"))
@_rights
@as_json
def change(*, which: str, as_json: bool, **rights: Any) -> None:
    from cluster_ai.client import keyring

    fields = _fields(rights)
    with place.client() as client:
        found = named(client.send(keyring.keys()), which)
        if "limits" in fields:
            fields["limits"] = found.limits.model_dump() | fields["limits"]
        changed = client.send(keyring.change_key(found.id, fields))
    if as_json:
        show.out_json(changed.model_dump(mode="json"))
    else:
        show.say(t("key.changed", name=show.safe(changed.name)))


@key.command("revoke", help=t("key.revoke"))
@click.argument("which", metavar=t("meta.key"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def revoke(*, which: str, yes: bool) -> None:
    from cluster_ai.client import keyring

    with place.client() as client:
        found = named(client.send(keyring.keys()), which)
        if not yes:
            _confirm(found)
        client.send(keyring.revoke_key(found.id))
    show.say(t("key.revoked", name=show.safe(found.name)))


def named(keys: "tuple[KeyView, ...]", which: str) -> "KeyView":
    """The key of that id, shown prefix or name; among several of one name, the one in force.

    Raises:
        NotFound: none, or several.
    """
    for fits in (
        [row for row in keys if which == row.id],
        [row for row in keys if which.startswith(row.prefix) and len(row.prefix) > 0],
        [row for row in keys if which == row.name and row.state == "active"],
        [row for row in keys if which == row.name],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise NotFound(t("key.several", name=which), hint=", ".join(row.prefix for row in fits))
    raise NotFound(t("key.unknown", name=which[:12]), hint="cluster-ai key list")


def _confirm(found: "KeyView") -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    question = t("key.revoke_type", name=show.safe(found.name), prefix=found.prefix)
    if click.prompt(question, default="", show_default=False, err=True) != found.name:
        show.say(t("key.kept"))
        leave(Exit.ERROR)


def _fields(rights: dict[str, Any]) -> dict[str, Any]:
    """What was said, as the API takes it."""
    said = {name: value for name, value in rights.items() if value is not None and value != ()}
    limits = {name: said.pop(name) for name in LIMITS if name in said}
    expires = said.pop("expires", None)
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
    found |= {"limits": limits} if limits else {}
    return found | ({"expires_at": _moment(expires)} if expires else {})


def _moment(text: str) -> float | None:
    """Unix seconds of a time from now such as ``30d``; None for ``never``."""
    if text == "never":
        return None
    if (found := re.fullmatch(r"([0-9]{1,6})([mhd])", text)) is None:
        raise InvalidInput(t("key.no_time", text=text), path="expires")
    return time.time() + int(found[1]) * _UNITS[found[2]]


def _row(row: "KeyView") -> tuple[object, ...]:
    limits = row.limits.model_dump()
    expires = "" if row.expires_at is None else _left(row.expires_at)
    used = "" if row.last_used_at is None else t("text.ago", age=show.duration(max(0, time.time() - row.last_used_at)))
    return (
        row.prefix,
        row.name,
        row.owner,
        show.state(row.state),
        ", ".join(row.scopes),
        ", ".join(row.models) or t("text.all"),
        ", ".join(f"{value} {_SHORT[name]}" for name, value in limits.items() if value),
        row.priority,
        expires,
        used,
    )


def _left(at: float) -> str:
    left = at - time.time()
    return show.duration(left) if left > 0 else t("key.over")
