"""Values: objects that nobody changes once they are made."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(kind: type[T]) -> type[T]:
    """A dataclass that the type checker holds frozen, for what is made with every request, or every token.

    Frozen at run time, too, it would cost six times as much to make.
    """
    return dataclass(slots=True, unsafe_hash=True)(kind)
