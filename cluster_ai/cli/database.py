"""``cluster-ai database``: where the cluster keeps what it knows."""

import time

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput


@click.group("database", cls=Noun, help=t("database.help"))
def database() -> None:
    pass


@database.command("move", help=t("database.move"))
@as_json
def move(*, as_json: bool) -> None:
    from cluster_ai.ops import moving
    from cluster_ai.ops.creating import server_of

    settings = place.settings()
    server = server_of(settings.effective_database_url)
    if not server:
        # The address holds a password: it comes from the settings, never from the command line.
        raise InvalidInput(t("database.no_server"), path="database_url", hint=t("database.no_server_hint"))
    moved = moving.move(settings.paths, server, now=time.time())
    if as_json:
        show.out_json(moved.model_dump(mode="json"))
        return
    show.say(t("database.moved", rows=sum(moved.rows.values()), tables=sum(map(bool, moved.rows.values()))))
    show.say(t("backup.aside", path=moved.aside))
