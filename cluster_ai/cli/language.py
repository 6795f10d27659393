"""Which language this run speaks; settled before any text is read."""

import os
import tomllib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from cluster_ai.core.i18n import LANGS, Lang, pick
from cluster_ai.core.paths import Home, default_home

FLAG: Final = "--lang"
VARIABLE: Final = "CLUSTER_AI_LANG"


class UnknownLanguage(Exception):
    """``--lang`` names none of ours; the text is what was named."""


def settle(words: list[str], env: MutableMapping[str, str] | None = None) -> list[str]:
    """Takes ``--lang`` out of ``words`` wherever it stands and makes it the language of this process.

    Without it the environment decides, then ``config.toml``, then the locale.

    Raises:
        UnknownLanguage: it is neither ``en`` nor ``pt-BR``.
    """
    env = os.environ if env is None else env
    rest, asked = _without_flag(words)
    if asked is not None:
        env[VARIABLE] = _named(asked)
    elif not env.get(VARIABLE) and (configured := _configured(Home(default_home(env)).config)):
        env[VARIABLE] = configured
    elif env.get(VARIABLE):
        # Anything that starts with pt is ours; the settings below take the exact names only.
        env[VARIABLE] = pick(env)
    return rest


def _without_flag(words: list[str]) -> tuple[list[str], str | None]:
    rest: list[str] = []
    asked: str | None = None
    pending = iter(words)
    for word in pending:
        if word == "--":
            return [*rest, word, *pending], asked
        if word == FLAG:
            asked = next(pending, "")
        elif word.startswith(f"{FLAG}="):
            asked = word.removeprefix(f"{FLAG}=")
        else:
            rest.append(word)
    return rest, asked


def _named(asked: str) -> Lang:
    for lang in LANGS:
        if asked.lower().replace("_", "-") in {lang.lower(), lang.lower().partition("-")[0]}:
            return lang
    raise UnknownLanguage(asked)


def _configured(config: Path) -> str:
    """What the file says, when it can be read; whether it is right is the settings' concern."""
    try:
        lang = tomllib.loads(config.read_text(encoding="utf-8")).get("lang", "")
    except (OSError, ValueError):
        return ""
    return lang if lang in LANGS else ""
