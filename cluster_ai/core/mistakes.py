"""What is wrong with a configuration, in words for whoever wrote it. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel

Where = tuple[int | str, ...]

_KEY: Final = "[key]"
_ALIASES: Final = ("gateway", "aliases")
_AT: Final = re.compile(r"(?P<what>.*) \(at (?P<place>line \d+, column \d+|end of document)\)", re.DOTALL)
_SAYS_MUST: Final = re.compile(r"^(Input|String|Value|URL|Tuple|List|Dictionary) should ")


def sentence(found: Iterable[Mapping[str, Any]], values: Mapping[str, Any], tree: type[BaseModel]) -> str:
    """All that is wrong in ``values`` with the settings ``tree``; each by the setting's dotted name."""
    return "; ".join(f"{_named(error['loc'], values)}: {_told(error, tree)}" for error in found)


def of_syntax(text: str) -> tuple[str, str, str]:
    """Where a file stops being TOML, what is wrong there and what to try, from the reader's ``text``."""
    found = _AT.fullmatch(text)
    what = found["what"] if found else text
    if what.startswith("Cannot"):
        hint = "each [table] and each setting in it may stand once only"
    else:
        hint = 'a line is name = value; texts stand in quotes ("..."), lists in [...], and true, false and numbers bare'
    return found["place"] if found else "", what, hint


def _named(where: Where, values: Mapping[str, Any]) -> str:
    """The setting's name; a row of a list goes by the name that it was given."""
    text = ""
    here: Any = values
    for part in where:
        here = _inside(here, part)
        if part == _KEY:
            continue
        if isinstance(part, int):
            name = here.get("name") if isinstance(here, Mapping) else None
            text += f" {name}" if isinstance(name, str) and name.isprintable() else f" number {part + 1}"
        else:
            text += f".{part}" if text else part
    return text


def _inside(value: Any, part: int | str) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return {}


def _told(error: Mapping[str, Any], tree: type[BaseModel]) -> str:
    where, given = error["loc"], error["input"]
    match error["type"]:
        case "extra_forbidden":
            text = _unknown(where, tree)
        case "missing":
            text = "is missing"
        case "url_parsing" | "url_scheme" if "://" not in str(given) or error["type"] == "url_scheme":
            text = f"must begin with http:// or https://, for example {_address(given)}"
        case "tuple_type" | "list_type":
            kind = "a list of model names" if where[:2] == _ALIASES else "a list"
            text = f'must be {kind}: ["{given}"]' if _is_short(given) else f"must be {kind}"
        case "dict_type" | "model_type":
            text = "must be a table"
        case "string_pattern_mismatch" if where[-1] == _KEY:
            text = "a name has letters, digits and . _ : @ / - only, and begins with a letter or digit"
        case _:
            said = _SAYS_MUST.sub("must ", error["msg"].removeprefix("Value error, "))
            text = said.split(", unable to", maxsplit=1)[0]
    return text


def _unknown(where: Where, tree: type[BaseModel]) -> str:
    known = [*_settings_at(where[:-1], tree)]
    near = get_close_matches(str(where[-1]), known, n=1)
    return f"unknown setting; did you mean {near[0]}?" if near else f"unknown setting; there are {', '.join(known)}"


def _settings_at(where: Sequence[int | str], tree: type[BaseModel]) -> Iterator[str]:
    for part in where:
        if isinstance(part, str) and part in tree.model_fields:
            tree = next(_models(tree.model_fields[part].annotation), tree)
    yield from tree.model_fields


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation is made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)


def _address(given: object) -> str:
    # An address with a password in it is not told again.
    usable = _is_short(given) and "://" not in str(given) and "@" not in str(given)
    return f"http://{given}" if usable else "http://gpu-box:11434"


def _is_short(given: object) -> bool:
    return isinstance(given, str) and given.isprintable() and 0 < len(given) <= 100  # noqa: PLR2004
