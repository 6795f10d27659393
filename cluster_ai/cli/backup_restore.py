"""What ``cluster-ai backup`` does with one that is there: look at it, restore it."""

import sys
import time
from pathlib import Path
from typing import Final, TextIO

import click

from cluster_ai.cli import backup_place, place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

SURE: Final = "restore"


@click.command("verify", cls=Verb, help=t("backup.verify"))
@click.argument("file", metavar=t("meta.backup"))
@backup_place.passphrase_file
@backup_place.key_file
@as_json
def verify(*, file: str, phrase: TextIO | None, key_path: str | None, as_json: bool) -> None:
    from cluster_ai.ops import proving

    path = backup_place.path(file)
    manifest = proving.prove(path, place.home(), backup_place.key(phrase, key_path))
    if as_json:
        show.out_json({"path": str(path), "verified": True, "rows": manifest.rows, "head": manifest.head})
    else:
        show.say(t("backup.verified", rows=sum(manifest.rows.values()), made=show.at(manifest.made_at)))


@click.command("restore", cls=Verb, help=t("backup.restore"))
@click.argument("file", metavar=t("meta.backup"))
@backup_place.passphrase_file
@backup_place.key_file
@click.option("--stop", is_flag=True, help=t("backup.stop"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
@as_json
def restore(
    *, file: str, phrase: TextIO | None, key_path: str | None, stop: bool, yes: bool, as_json: bool
) -> None:  # fmt: skip
    from cluster_ai.ops import restoring

    path, key, home = backup_place.path(file), backup_place.key(phrase, key_path), place.home()
    if not yes:
        _ask(home.root)
    if stop:
        from cluster_ai.cli.ending import end
        from cluster_ai.ops import proving

        # A cluster is not ended for a backup that is none.
        proving.prove(path, home, key)
        end(home)
    done = restoring.restore(path, home, key, now=time.time())
    if as_json:
        show.out_json(done.model_dump(mode="json"))
        return
    show.say(t("backup.restored", rows=done.rows, made=show.at(done.made_at)))
    if done.aside:
        show.say(t("backup.aside", path=done.aside))
    _warn_of_server()


@click.command("finish", cls=Verb, help=t("backup.finish"))
def finish() -> None:
    from cluster_ai.ops import restoring

    show.say(t("backup.finished") if restoring.finish(place.home()) else t("backup.unfinished_none"))


def _warn_of_server() -> None:
    """The rows are in the file now: a head whose settings name a server would not see them."""
    from cluster_ai.ops.creating import server_of

    if server_of(place.settings().effective_database_url):
        show.say(t("backup.server_named"))


def _ask(root: Path) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    said: str = click.prompt(t("backup.restore_sure", home=root, word=SURE), err=True, default="", show_default=False)
    if said.strip() != SURE:
        leave(Exit.ERROR)
