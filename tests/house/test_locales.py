"""Every text exists in English and in Brazilian Portuguese, with the same fields."""

import re
import string
from pathlib import Path

import pytest

from cluster_ai.core.i18n import LANGS, pick, texts
from cluster_ai.settings_file import fields as settings_named

ROOT = Path(__file__).parents[2]
# What settings mean stands in English with the settings.
DOMAINS = sorted({path.stem for path in (ROOT / "cluster_ai/locales").glob("*/*.toml")} - {"settings"})


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("domain", DOMAINS)
def test_languages_have_the_same_texts(domain: str) -> None:
    first, *others = (texts(lang, domain) for lang in LANGS)
    assert first
    for other in others:
        assert set(first) == set(other), set(first) ^ set(other)
        differing = {key for key in first if fields(first[key]) != fields(other[key])}
        assert not differing
        empty = {key for key in other if not other[key].strip() and first[key].strip()}
        assert not empty


def test_every_setting_says_what_it_means_in_portuguese() -> None:
    said = texts("pt-BR", "settings")
    assert list(said) == sorted(name for name, _ in settings_named())
    assert all(text.endswith((".", "...")) for text in said.values())
    # Names in code are no words of a language.
    for name, field in settings_named():
        assert set(re.findall(r"`([^`:]+)`", field.description or "")) == set(re.findall(r"`([^`:]+)`", said[name])), (
            name
        )


@pytest.mark.parametrize(
    ("env", "lang"),
    [
        ({"LANG": "pt_BR.UTF-8"}, "pt-BR"),
        ({"LANG": "pt_PT.UTF-8"}, "pt-BR"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "pt_BR.UTF-8"}, "en"),
        ({"CLUSTER_AI_LANG": "pt-BR", "LC_ALL": "C"}, "pt-BR"),
        ({}, "en"),
    ],
)
def test_language_follows_the_terminal(env: dict[str, str], lang: str) -> None:
    assert pick(env) == lang
