"""``cluster-ai node add``: a machine set up over SSH."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from cluster_ai.cli import show
from cluster_ai.cli.discover import discover
from cluster_ai.cli.naming import LABEL
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t


@click.command("add", cls=Verb, help=t("add.help"))
@click.argument("machine", metavar="USER@HOST[:PORT]")
@click.option("--jump", default="", metavar="USER@HOST,...", help=t("add.jump"))
@click.option("--identity", "identities", multiple=True, metavar=t("meta.file"), help=t("add.identity"))
@click.option("--fingerprint", default="", metavar="SHA256:...", help=t("add.fingerprint"))
@click.option("--password-stdin", is_flag=True, help=t("add.password_stdin"))
@click.option("--name", default="", metavar=t("meta.name"), help=t("add.name"))
@click.option("--label", "labels", multiple=True, type=LABEL, metavar=t("meta.label"), help=t("node.label_of_new"))
@click.option("--key/--no-key", "leave_key", default=True, help=t("add.key"))
@as_json
def add(*, machine: str, password_stdin: bool, as_json: bool, **said: Any) -> None:
    from cluster_ai.cli.adding import add_machine, password_of, told, warning_of
    from cluster_ai.cli.way_in import AddWish

    password = password_of(sys.stdin.read()) if password_stdin else None
    said["identities"] = tuple(map(Path, said["identities"]))
    wish = AddWish(machine, password=password, quiet=as_json, **said)
    added = add_machine(wish)
    if as_json:
        show.out_json(dict(told(added)))
    else:
        show.say(t("add.added", name=show.safe(added.name)))
        if warning := warning_of(added, wish):
            show.say(show.safe(warning))
        show.out(show.safe(added.name))


VERBS: Final = (add, discover)
