"""``cluster-ai auth user``: who may sign in, and as what."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.new_password import new_password
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.client.people import Person

COLUMNS: Final = ("name", "role", "state", "password", "second_factor", "created", "seen")
FIT: Final = show.fit_of(
    COLUMNS, whole=["name", "role"], spare=("created", "password", "seen", "second_factor", "state")
)
ROLES: Final = ("viewer", "user", "operator", "admin")

_name = click.argument("name", metavar=t("meta.name"))
_file = click.option("--password-file", "file", type=click.Path(path_type=Path), metavar=t("meta.file"),
                     help=t("user.file"))  # fmt: skip


@click.group("user", cls=Noun, help=t("user.help"))
def user() -> None:
    pass


@user.command("ls", help=t("user.list"))
@as_json
def listing(*, as_json: bool) -> None:
    from cluster_ai.client import people

    with place.client() as client:
        found = client.send(people.users())
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


@user.command("add", help=t("user.add"))
@_name
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help=t("user.role_option"))
@_file
@as_json
def add(*, name: str, role: str, file: Path | None, as_json: bool) -> None:
    from cluster_ai.client import people

    fields = {"name": name, "role": role} | ({} if file is None else {"password": new_password(file)})
    with place.client() as client:
        made = client.send(people.create_user(fields))
    if as_json:
        show.out_json(made.model_dump(mode="json"))
        return
    show.say(t("user.made", name=show.safe(made.user.name), role=made.user.role))
    _tell(made.password)


@user.command("role", help=t("user.role"))
@_name
@click.argument("role", type=click.Choice(ROLES), metavar=t("meta.role"))
@as_json
def change_role(*, name: str, role: str, as_json: bool) -> None:
    changed = _change(name, {"role": role})
    if as_json:
        show.out_json(changed.model_dump(mode="json"))
    else:
        show.say(t("user.has_role", name=show.safe(changed.name), role=changed.role))


@user.command("passwd", help=t("user.passwd"))
@_name
@_file
@as_json
def passwd(*, name: str, file: Path | None, as_json: bool) -> None:
    from cluster_ai.client import people

    given = "" if file is None else new_password(file)
    with place.client() as client:
        answer = client.send(people.set_password(name, given))
    if as_json:
        show.out_json(answer.model_dump(mode="json"))
        return
    show.say(t("user.new_password", name=show.safe(name)))
    _tell(answer.password)


@user.command("reset-second-factor", help=t("user.reset_second_factor"))
@_name
def reset_second_factor(*, name: str) -> None:
    from cluster_ai.client import people

    with place.client() as client:
        client.send(people.reset_second_factor(name))
    show.say(t("user.second_factor_gone", name=show.safe(name)))


@user.command("disable", help=t("user.disable"))
@_name
def disable(*, name: str) -> None:
    show.say(t("user.disabled", name=show.safe(_change(name, {"disabled": True}).name)))


@user.command("enable", help=t("user.enable"))
@_name
def enable(*, name: str) -> None:
    show.say(t("user.enabled", name=show.safe(_change(name, {"disabled": False}).name)))


@user.command("rm", help=t("user.rm"))
@_name
@click.option("--yes", is_flag=True, help=t("option.yes"))
def remove(*, name: str, yes: bool) -> None:
    from cluster_ai.client import people

    if not yes:
        _confirm(name)
    with place.client() as client:
        client.send(people.delete_user(name))
    show.say(t("user.removed", name=show.safe(name)))


def _change(name: str, fields: dict[str, Any]) -> "Person":
    from cluster_ai.client import people

    with place.client() as client:
        return client.send(people.change_user(name, fields))


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    if click.prompt(t("user.rm_type", name=show.safe(name)), default="", show_default=False, err=True) != name:
        show.say(t("user.kept"))
        leave(Exit.ERROR)


def _tell(password: str) -> None:
    if password:
        # The password alone goes to stdout, so that a script can take it.
        show.say(t("user.password_once"))
        show.out(password)


def _row(row: "Person") -> tuple[object, ...]:
    return (
        row.name,
        row.role,
        show.state("disabled" if row.disabled else "active"),
        t("user.own") if row.password_chosen else t("user.given"),
        t("user.second_factor") if row.second_factor else "",
        _ago(row.created_at),
        "" if row.seen_at is None else _ago(row.seen_at),
    )


def _ago(at: float) -> str:
    return t("text.ago", age=show.duration(max(0.0, time.time() - at)))
