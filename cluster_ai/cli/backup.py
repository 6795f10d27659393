"""``cluster-ai backup``: made, proven and restored on the head itself, whether its cluster runs or not."""

import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

import click

from cluster_ai.cli import backup_place, backup_restore, place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.ops.types import BackupView

COLUMNS: Final = ("name", "age", "size", "state")


@click.group("backup", cls=Noun, help=t("backup.help"))
def backup() -> None:
    pass


for one in (backup_restore.verify, backup_restore.restore, backup_restore.finish):
    backup.add_command(one)


@backup.command("create", help=t("backup.create"))
@backup_place.passphrase_file
@as_json
def create(*, phrase: TextIO | None, as_json: bool) -> None:
    from cluster_ai.ops import creating

    settings = place.settings()
    home = settings.paths
    creating.refuse_elsewhere(home, settings.effective_database_url)
    server = creating.server_of(settings.effective_database_url)
    if not server and not home.database.is_file():
        raise NotFound(t("backup.nothing", home=home.root), hint="cluster-ai up")
    key = backup_place.typed(phrase) if phrase else backup_place.own_key()
    path = creating.create(home, backup_place.shelf(), key, now=time.time(), server=server)
    thinned = backup_place.shelf().thin(backup_place.keep())
    if as_json:
        show.out_json({"path": str(path), "verified": True, "size": path.stat().st_size, "removed": list(thinned)})
        return
    show.say(t("backup.created", size=show.size(path.stat().st_size)))
    for name in thinned:
        show.say(t("backup.thinned", name=name))
    show.out(str(path))


@backup.command("ls", help=t("backup.ls"))
@as_json
def listing(*, as_json: bool) -> None:
    found = backup_place.shelf().all()
    if as_json:
        show.out_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found))


@backup.command("rm", help=t("backup.rm"))
@click.argument("name", metavar=t("meta.backup"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def remove(*, name: str, yes: bool) -> None:
    shelf = backup_place.shelf()
    shelf.path(name)
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInput(t("option.yes_needed"), hint="--yes")
        if not click.confirm(t("backup.rm_sure", name=name), err=True):
            leave(Exit.ERROR)
    shelf.remove(name)
    show.say(t("backup.removed", name=name))


def _row(one: "BackupView") -> tuple[object, ...]:
    state = show.state("verified") if one.verified else f"{show.state('unverified')}: {one.reason}"
    age = t("text.ago", age=show.duration(max(0.0, time.time() - one.made_at)))
    return one.name, age, show.size(one.size), state
