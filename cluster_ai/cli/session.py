"""``cluster-ai auth session``: where people are signed in."""

import time
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.client.people import Session

COLUMNS: Final = ("session", "this", "created", "seen", "address", "agent")
FIT: Final = show.fit_of(COLUMNS, whole=["session"], spare=("agent", "created", "address", "seen", "this"))

_user = click.option("--user", "name", default="", metavar=t("meta.user"), help=t("session.user"))


@click.group("session", cls=Noun, help=t("session.help"))
def session() -> None:
    pass


@session.command("ls", help=t("session.list"))
@_user
@as_json
def listing(*, name: str, as_json: bool) -> None:
    from cluster_ai.client import people

    with place.client() as client:
        found = client.send(people.sessions(name))
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


@session.command("end", help=t("session.end"))
@click.argument("which", metavar=t("meta.session"), required=False)
@click.option("--all", "everything", is_flag=True, help=t("session.all"))
@_user
def end(*, which: str | None, everything: bool, name: str) -> None:
    from cluster_ai.client import people

    if bool(which) == everything:
        raise InvalidInput(t("session.which"), path="session")
    with place.client() as client:
        client.send(people.end_session(which, user=name) if which else people.end_sessions(name))
    show.say(t("session.ended") if which else t("session.ended_all"))


def _row(row: "Session") -> tuple[object, ...]:
    now = time.time()
    ages = [t("text.ago", age=show.duration(max(0.0, now - at))) for at in (row.created_at, row.seen_at)]
    return row.id, t("session.this") if row.current else "", *ages, row.address, row.agent
