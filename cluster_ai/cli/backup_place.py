"""Where backups of this head lie, and what opens them."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.ops.keeping import Keep
    from cluster_ai.ops.sealed import Key
    from cluster_ai.ops.shelf import Shelf

_LONGEST: Final = 1024

passphrase_file = click.option(
    "--passphrase-file", "phrase", type=click.File(), metavar=t("meta.file"), help=t("backup.passphrase_file")
)
key_file = click.option("--key-file", "key_path", metavar=t("meta.file"), help=t("backup.key_file"))


def shelf() -> "Shelf":
    from cluster_ai.ops.desk import folder_of
    from cluster_ai.ops.shelf import Shelf

    settings = place.settings()
    return Shelf(folder_of(settings.backup, settings.paths))


def keep() -> "Keep":
    from cluster_ai.ops.desk import keep_of

    return keep_of(place.settings().backup)


def path(named: str) -> Path:
    """A file of that name, or one in the folder of backups. Settings may be what is broken: a file needs none."""
    path = Path(named)
    return path.absolute() if path.is_file() else shelf().path(named)


def key(phrase: TextIO | None, key_path: str | None) -> "Key":
    from cluster_ai.ops.sealed import Key

    if phrase is not None:
        return typed(phrase)
    return Key.of_file(Path(key_path).expanduser() if key_path else place.home().backup_key)


def typed(phrase: TextIO) -> "Key":
    """The first line; never an argument, which stands in every list of processes."""
    from cluster_ai.ops.sealed import Key

    return Key.of_passphrase(phrase.readline(_LONGEST).rstrip("\r\n"))


def own_key() -> "Key":
    """This head's key, made when there is none; that is said, for it must not lie on this disk alone."""
    from cluster_ai.ops.sealed import Key

    path = place.home().backup_key
    made, fresh = Key.made(path)
    if fresh:
        show.say(t("backup.key_made", path=path))
    return made
