"""Who has which model and who holds it in memory, by digest. In memory; every heartbeat brings it anew.

What changed without anybody having asked for it here is told at once: a model that is gone, or that another one stands
in for. Nodes report each second, so it is known within two.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cluster_ai.catalog.types import Holding


class Change(StrEnum):
    ADDED = "added"
    GONE = "gone"
    REPLACED = "replaced"
    """The same name, another digest."""
    LOADED = "loaded"
    UNLOADED = "unloaded"


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs from the report before. Digests are empty where there is, or was, none."""

    node: str
    model: str
    change: Change
    before: str = ""
    after: str = ""


Models = Iterable[tuple[str, Holding]]


class Residency:
    """Owner of what nodes were last heard to have. A node that is away keeps its disk and loses its memory."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Holding]] = {}
        self._up: set[str] = set()

    def heard(self, node: str, models: Models) -> tuple[Changed, ...]:
        """What a node has now; what changed since it was last heard. The first report changes nothing."""
        now = dict(models)
        before = self._of.get(node)
        self._of[node] = now
        self._up.add(node)
        return () if before is None else tuple(_differences(node, before, now))

    def away(self, node: str) -> tuple[Changed, ...]:
        """It does not answer any more: its memory counts as empty."""
        self._up.discard(node)
        before = self._of.get(node, {})
        self._of[node] = {name: held.model_copy(update={"loaded": False, "memory": 0}) for name, held in before.items()}
        return tuple(_differences(node, before, self._of[node]))

    def forget(self, node: str) -> None:
        """It has left the cluster."""
        self._of.pop(node, None)
        self._up.discard(node)

    def follow(self, reports: Mapping[str, Models | None]) -> tuple[Changed, ...]:
        """One look at every node: None for one that is away, and those that are not named have left."""
        for node in set(self._of) - set(reports):
            self.forget(node)
        found: list[Changed] = []
        for node, models in reports.items():
            found += self.away(node) if models is None else self.heard(node, models)
        return tuple(found)

    # -- looking

    def holders(self, model: str, *, digest: str = "") -> tuple[str, ...]:
        """Nodes that have it, and with a digest only those that have exactly that; those that are up first."""
        found = [node for node, models in self._of.items() if _is(models.get(model), digest)]
        return tuple(sorted(found, key=lambda node: (node not in self._up, node)))

    def loaded(self, model: str, *, digest: str = "") -> tuple[str, ...]:
        """Nodes that hold it in memory."""
        return tuple(node for node in self.holders(model, digest=digest) if self._of[node][model].loaded)

    def digests(self, model: str) -> Mapping[str, tuple[str, ...]]:
        """The nodes by what they have under that name; the digest that most have comes first."""
        by: dict[str, list[str]] = {}
        for node in self.holders(model):
            by.setdefault(self._of[node][model].digest, []).append(node)
        return {digest: tuple(nodes) for digest, nodes in sorted(by.items(), key=lambda one: (-len(one[1]), one[0]))}

    def disagreeing(self) -> tuple[str, ...]:
        """Models that are not the same everywhere."""
        seen = {(name, held.digest) for models in self._of.values() for name, held in models.items() if held.digest}
        times = Counter(name for name, _ in seen)
        return tuple(sorted(name for name, count in times.items() if count > 1))


def _is(held: Holding | None, digest: str) -> bool:
    return held is not None and (not digest or held.digest == digest)


def _differences(node: str, before: Mapping[str, Holding], now: Mapping[str, Holding]) -> Iterable[Changed]:
    for name in sorted(before.keys() | now.keys()):
        was, has = before.get(name), now.get(name)
        if was is None and has is not None:
            yield Changed(node, name, Change.ADDED, after=has.digest)
        elif was is not None and has is None:
            yield Changed(node, name, Change.GONE, before=was.digest)
        elif was is not None and has is not None:
            if was.digest != has.digest:
                yield Changed(node, name, Change.REPLACED, was.digest, has.digest)
            if was.loaded != has.loaded:
                yield Changed(node, name, Change.LOADED if has.loaded else Change.UNLOADED, was.digest, has.digest)
