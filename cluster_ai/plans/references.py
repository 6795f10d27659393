"""Artefacts of other tickets in a ticket's parameters: people say the name inside the plan, workers need the id. Pure.

``files`` (a list) and ``data`` (one) are the parameters that may name a ticket, under ``ticket``.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput

_ONE: Final = "data"
_MANY: Final = "files"


def resolved(
    parameters: Mapping[str, Any], ids: Mapping[str, str], *, needs: Container[str], where: str
) -> dict[str, Any]:
    """With the id in the place of each name.

    Raises:
        InvalidInput: it reads of a ticket that it does not depend on, so that it might come too early.
    """

    def to_id(name: str) -> str:
        if name not in needs:
            raise InvalidInput(
                f"it reads what {name} leaves, and does not depend on it",
                path=f"{where}.parameters",
                hint=f"add {name} to its depends_on",
            )
        return ids[name]

    return _changed(parameters, to_id)


def named(parameters: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The other way round; an id that is of no ticket of the plan stays."""
    return _changed(parameters, lambda ticket_id: names.get(ticket_id, ticket_id))


def _changed(parameters: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    found = dict(parameters)
    if isinstance(found.get(_MANY), list):
        found[_MANY] = [_file(one, change) for one in found[_MANY]]
    if _ONE in found:
        found[_ONE] = _file(found[_ONE], change)
    return found


def _file(one: Any, change: Callable[[str], str]) -> Any:
    if isinstance(one, dict) and isinstance(one.get("ticket"), str):
        return one | {"ticket": change(one["ticket"])}
    return one
