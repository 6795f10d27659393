"""A new password, from where others cannot read it."""

import sys
from pathlib import Path

import click

from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput


def new_password(file: Path | None) -> str:
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
