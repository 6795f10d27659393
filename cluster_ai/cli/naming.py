"""Names as they are typed: what cannot be one is told before anybody is asked, and what a name looks like."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class Word(click.ParamType[str]):
    """A word of a type that the wire has, too: ``kind`` in ``module``. ``said`` tells of a value how one looks."""

    name = "word"

    def __init__(self, module: str, kind: str, said: Callable[[str], str]) -> None:
        self._place = (module, kind)
        self._said = said

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from pydantic import ValidationError

        word = self.read(str(value))
        try:
            _adapter(*self._place).validate_python(self.bare(word))
        except ValidationError:
            self.fail(self._said(show.safe(value)), param, ctx)
        return word

    def read(self, typed: str) -> str:
        """What is meant."""
        return typed

    def bare(self, word: str) -> str:
        """What is held against the kind."""
        return word


class _Change(Word):
    """A label to add or, with a hyphen behind it, to take away."""

    def bare(self, word: str) -> str:
        return word.removesuffix("-") if word.endswith("-") else word.removeprefix("+")


class _Line(Word):
    """A join line by its id; whoever has the whole line may give that."""

    def read(self, typed: str) -> str:
        return typed.rpartition("#")[2].partition(".")[0]


@cache
def _adapter(module: str, kind: str) -> "TypeAdapter[str]":
    from importlib import import_module

    from pydantic import TypeAdapter

    return TypeAdapter(getattr(import_module(module), kind))


_TYPES: Final = "cluster_ai.nodes.types"
MACHINE: Final = Word(_TYPES, "NodeName", lambda value: t("naming.machine", value=value))
NODE: Final = Word("cluster_ai.core.wire", "Name", lambda value: t("naming.node", value=value))
"""Of a machine, or of any node that the gateway knows."""
LABEL: Final = Word(_TYPES, "Label", lambda value: t("naming.label", value=value))
CHANGE: Final = _Change(_TYPES, "Label", lambda value: t("naming.label", value=value))
LINE: Final = _Line(_TYPES, "LineId", lambda value: t("naming.line", value=value))
