"""YAML as people write it and as we answer it: no objects, no aliases, a bound on size. Pure."""

from typing import Any, Final

import yaml

from cluster_ai.core.errors import InvalidInput

LONGEST: Final = 512 * 1024
DEEPEST: Final = 64


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it ships no types
    """Refuses aliases: a few lines of them unfold to gigabytes for whoever walks through the value."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise InvalidInput("aliases (*name) are not taken", path="yaml")
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # it ships no types
    """Never writes an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


def read_all(text: str) -> list[Any]:
    """Every document in ``text`` that is not empty.

    Raises:
        InvalidInput: it is no YAML, or holds what we do not take; with the line.
    """
    if len(text) > LONGEST:
        raise InvalidInput(f"more than {LONGEST} characters", path="yaml")
    try:
        return [one for one in yaml.load_all(text, Loader=_Loader) if one is not None]
    except yaml.MarkedYAMLError as exc:
        place = f"line {exc.problem_mark.line + 1}: " if exc.problem_mark else ""
        raise InvalidInput(f"{place}{exc.problem or 'this is no YAML'}", path="yaml") from exc
    except yaml.YAMLError as exc:
        raise InvalidInput(f"this is no YAML: {exc}"[:300], path="yaml") from exc
    except (RecursionError, ValueError) as exc:
        # Too deep, or a date such as 2026-02-31.
        raise InvalidInput("a value in it cannot be read", path="yaml") from exc


def write_all(documents: list[Any]) -> str:
    """Documents, parted by ``---``."""
    made: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110
    )
    return made
