"""Models that nobody has asked for in a long time. Pure but for ``look``, which asks the nodes.

What is not known protects a model: one whose age its node does not tell is never among them.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from cluster_ai.catalog.places import Nodes
from cluster_ai.catalog.types import Holding, ModelRef, Unused
from cluster_ai.core.errors import ClusterError

Asked = Mapping[tuple[str, str], str]
"""The last day (UTC) on which a node answered for a name, by node and name as callers wrote it."""
Held = Mapping[str, tuple[tuple[str, Holding], ...]]
"""By node: its models by name."""
NEVER: Final = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the nodes said, and who of them said nothing."""

    held: Held
    silent: tuple[str, ...] = ()


async def look(nodes: Nodes) -> Seen:
    """Models of all nodes from which some can be removed, as they are now."""
    names = [place.name for place in nodes.places() if place.changes]

    async def models(name: str) -> tuple[tuple[str, Holding], ...] | None:
        try:
            return await nodes.at(name).models()
        except ClusterError:
            return None

    found = dict(zip(names, await asyncio.gather(*map(models, names)), strict=True))
    return Seen(
        {name: held for name, held in found.items() if held is not None},
        tuple(name for name, held in found.items() if held is None),
    )


def last_days(asked: Asked, aliases: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """By node and model. A call by an alias counts for every model that the alias may stand for."""
    meant = {alias.casefold(): tuple(models) for alias, models in aliases.items()}
    found: dict[tuple[str, str], str] = {}
    for (node, name), day in asked.items():
        for model in (name, *meant.get(name.casefold(), ())):
            key = node, key_of(model)
            found[key] = max(day, found.get(key, NEVER))
    return found


def unused(
    held: Held, last: Mapping[tuple[str, str], str], *, pinned: Iterable[tuple[str, str]], today: date, days: int
) -> tuple[Unused, ...]:
    """Models of which the last call and the last change are ``days`` or more ago, by node; the largest first.

    ``pinned``: by node and model; those stay, as do those in memory.
    """
    stays = {(node, key_of(model)) for node, model in pinned}
    found: list[Unused] = []
    for node, models in held.items():
        old = {
            name: holding
            for name, holding in models
            if (node, key_of(name)) not in stays
            and _is_old(holding, last.get((node, key_of(name)), NEVER), today, days)
        }
        freed = _freed(old, models)
        found += [
            Unused(
                node=node,
                model=name,
                size=holding.size,
                freed=freed[name],
                last_used=last.get((node, key_of(name)), NEVER),
                modified_at=holding.modified_at,
            )
            for name, holding in old.items()
        ]
    return tuple(sorted(found, key=lambda one: (one.node, -one.size, one.model)))


def key_of(model: str) -> str:
    """What a name is compared by."""
    return str(ModelRef.of(model)).casefold()


def _is_old(holding: Holding, asked: str, today: date, days: int) -> bool:
    if holding.loaded or holding.modified_at <= 0:
        return False
    changed = datetime.fromtimestamp(holding.modified_at, UTC).date()
    since = max(changed, date.fromisoformat(asked)) if asked else changed
    return (today - since).days >= days


def _freed(old: Mapping[str, Holding], models: Iterable[tuple[str, Holding]]) -> dict[str, int]:
    """Bytes that come back once all of ``old`` are gone: files that another name keeps stay, and count once."""
    kept = {holding.digest for name, holding in models if name not in old}
    freed: dict[str, int] = {}
    for name, holding in old.items():
        freed[name] = 0 if holding.digest and holding.digest in kept else holding.size
        kept.add(holding.digest)
    return freed
