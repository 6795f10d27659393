"""What is said when a cluster is up: where it is, the first password (once), and the first thing to try."""

import json
import os
import sys
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli.show import as_called, out, pairs, safe
from cluster_ai.cli.words import t
from cluster_ai.core.paths import Home, read_secret

if TYPE_CHECKING:
    from cluster_ai.supervisor.types import SupervisorView

QUESTION: Final = {
    "model": "smollm2:135m",
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
}
_ADDRESSES: Final = ("backend", "gateway", "scheduler")


def welcome(view: "SupervisorView", home: Home) -> None:
    """To stdout: a person reads it, or a script that started the cluster."""
    parts = {part.name: part for part in view.parts}
    out()
    pairs((t(f"welcome.{name}"), parts[name].url) for name in _ADDRESSES if name in parts)
    _hand_over_password(home)
    if "gateway" in parts and "node" in parts:
        out(f"\n{t('welcome.try')}\n  {curl(parts['gateway'].url.removeprefix('http://'))}")


def curl(gateway: str) -> str:
    """The first question, as README asks it."""
    return f"curl -s {gateway}/api/chat -d '{json.dumps(QUESTION, separators=(',', ':'))}'"


def _hand_over_password(home: Home) -> None:
    file = home.secrets / "first-password"
    claimed = file.with_name(f".first-password.{os.getpid()}")
    try:
        # Two may start the cluster at the same time: only one of them gets it.
        file.rename(claimed)
    except FileNotFoundError:
        return
    try:
        out(f"\n{t('welcome.password')} {click.style(safe(read_secret(claimed)), bold=True)}")
        out(as_called(t("welcome.password_once")))
        sys.stdout.flush()
    except BaseException:
        # Only what was shown may be forgotten.
        claimed.rename(file)
        raise
    claimed.unlink()
