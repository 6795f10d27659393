"""``cluster-ai auth``: who one is, and the password of ``admin``."""

import sys
from pathlib import Path

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput


@click.group(cls=Noun, help=t("auth.help"))
def auth() -> None:
    pass


@auth.command("set-password", help=t("auth.set_password"))
@click.option("--file", "file", type=click.Path(path_type=Path), metavar=t("meta.file"), help=t("auth.file"))
def set_password(*, file: Path | None) -> None:
    with place.client() as client:
        client.set_password(current="", new=_new_password(file))
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


def _new_password(file: Path | None) -> str:
    """Typed twice and unseen; or the first line of a file or a pipe. Never an argument: others see those.

    Raises:
        InvalidInput: there is none, or the file cannot be read.
    """
    if file is None and sys.stdin.isatty():
        typed: str = click.prompt(t("auth.new"), hide_input=True, err=True)
        if click.prompt(t("auth.again"), hide_input=True, err=True) != typed:
            raise InvalidInput(t("auth.differ"), path="password")
        return typed
    try:
        text = sys.stdin.read() if file is None or str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(t("auth.unreadable", file=file), path="file") from exc
    password = text.partition("\n")[0].rstrip("\r")
    if not password:
        raise InvalidInput(t("auth.empty"), path="password")
    return password
