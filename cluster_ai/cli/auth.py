"""``cluster-ai auth``: who one is, the password of ``admin``, and who else may sign in."""

from pathlib import Path

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.new_password import new_password
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.session import session
from cluster_ai.cli.user import user
from cluster_ai.cli.words import t


@click.group(cls=Noun, help=t("auth.help"))
def auth() -> None:
    pass


auth.add_command(user)
auth.add_command(session)


@auth.command("set-password", help=t("auth.set_password"))
@click.option("--file", "file", type=click.Path(path_type=Path), metavar=t("meta.file"), help=t("auth.file"))
def set_password(*, file: Path | None) -> None:
    with place.client() as client:
        client.set_password(current="", new=new_password(file))
    show.say(t("auth.done"))


@auth.command("whoami", help=t("auth.whoami"))
@as_json
def whoami(*, as_json: bool) -> None:
    with place.client() as client:
        user = client.me().user
    if as_json:
        show.out_json(user.model_dump(mode="json"))
    else:
        show.out(f"{show.safe(user.name)} ({show.safe(user.role)})")
