"""Errors in the language of whoever reads them: the code's sentence, filled with the error's values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import Lang, texts

DOMAIN: Final = "errors"
OPEN: Final = ":"
"""A sentence that ends so says less than the error's own words, which then follow it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What people read of an error. ``detail`` is in English, and empty where ``text`` says all."""

    text: str
    detail: str = ""
    hint: str = ""

    @property
    def line(self) -> str:
        """All but the hint, on one line."""
        return f"{self.text} {self.detail}".rstrip()


def meaning(code: str, lang: Lang) -> str:
    """What a code stands for, without a stop at its end; the code itself where it is another version's."""
    return texts(lang, DOMAIN).get(code, "").removesuffix(OPEN).removesuffix(".") or code


def told(error: ClusterError, lang: Lang) -> Told:
    """``error`` in ``lang``. In English its own words, which are finer than any sentence of a catalogue."""
    catalogue = texts(lang, DOMAIN)
    if lang == "en":
        return Told(error.message, hint=error.hint or _filled(catalogue, f"{error.code}.hint", error))
    for key in (f"{error.code}.{error.values.get('about', '')}", error.code):
        if text := _filled(catalogue, key, error):
            hint = _filled(catalogue, f"{key}.hint", error) or _filled(catalogue, f"{error.code}.hint", error)
            return Told(text, error.message if text.endswith(OPEN) else "", hint or error.hint)
    return Told(error.message, hint=error.hint)


def _filled(catalogue: Mapping[str, str], key: str, error: ClusterError) -> str:
    """The text of ``key``; empty without one, and where nobody knew its values, as another version's server."""
    try:
        return catalogue.get(key, "").format_map(error.values)
    except KeyError:
        return ""
