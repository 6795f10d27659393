"""Texts of CLI, TUI and server in English and Brazilian Portuguese, from ``cluster_ai/locales/LANG/DOMAIN.toml``.

A file holds flat ``key = "text with {fields}"`` lines. Tests fail when a key stands in one language only.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, Protocol

Lang = Literal["en", "pt-BR"]
LANGS: tuple[Lang, ...] = ("en", "pt-BR")


class Translate(Protocol):
    def __call__(self, key: str, /, **fields: object) -> str: ...


def pick(env: Mapping[str, str] | None = None) -> Lang:
    """The language of this terminal: ``CLUSTER_AI_LANG``, else the locale's, else English."""
    env = os.environ if env is None else env
    for variable in ("CLUSTER_AI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := env.get(variable):
            return "pt-BR" if value.lower().startswith("pt") else "en"
    return "en"


@cache
def texts(lang: Lang, domain: str) -> Mapping[str, str]:
    """Every text of ``domain``."""
    source = files("cluster_ai").joinpath("locales", lang, f"{domain}.toml")
    found: dict[str, str] = tomllib.loads(source.read_text(encoding="utf-8"))
    return found


def translator(lang: Lang, domain: str) -> Translate:
    """A function from key to text. An unknown key is a bug and raises ``KeyError``."""
    found = texts(lang, domain)

    def translate(key: str, /, **fields: object) -> str:
        return found[key].format(**fields)

    return translate
