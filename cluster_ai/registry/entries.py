"""What the registry keeps of one instance, and the shelves on which instances are found. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cluster_ai.registry import ranking
from cluster_ai.registry.detector import Pulse, Rule
from cluster_ai.registry.trails import Trail
from cluster_ai.registry.types import Instance, Query, State, Telemetry


@dataclass(slots=True, eq=False)
class Entry:
    """One instance. ``instance`` is as watchers were told last; how it does is beside it, because it never rests."""

    instance: Instance
    pulse: Pulse
    rule: Rule
    telemetry: Telemetry
    trail: Trail = field(default_factory=Trail)
    order: ranking.Order = (0.0, 0.0, "")
    """What it is sorted by, as of its last sign of life."""
    turn: int = 0
    """Of its line in the agenda; older lines of its are void."""

    @property
    def id(self) -> str:
        return self.instance.id

    def weigh(self, now: float) -> None:
        """Finds its place again after something was heard of it."""
        total = ranking.total(self.pulse, self.trail, self.telemetry, now)
        self.order = ranking.order(total, self.telemetry, self.instance.id)

    def seen(self, now: float, *, wall: float) -> Instance:
        """As it is shown at this moment."""
        seen_at = wall - max(0.0, now - self.pulse.sign)
        return self.instance.model_copy(
            update={"state": self.pulse.state, "seen_at": seen_at, "telemetry": self.telemetry}
        )


@dataclass(slots=True)
class Shelves:
    """Entries by id, by kind and by capability: a query looks through the shortest shelf that must hold its answer."""

    by_id: dict[str, Entry] = field(default_factory=dict)
    _by_kind: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _by_word: dict[str, dict[str, Entry]] = field(default_factory=dict)

    def put(self, entry: Entry) -> None:
        """Adds it, or puts it in the place of the one of its id."""
        self.take(entry.id)
        self.by_id[entry.id] = entry
        for shelf in self._all_of(entry.instance):
            shelf[entry.id] = entry

    def take(self, id: str) -> Entry | None:  # noqa: A002 - as everywhere in this room
        """Removes it; None when there is none of that id."""
        entry = self.by_id.pop(id, None)
        if entry is not None:
            for shelf in self._all_of(entry.instance):
                shelf.pop(id, None)
            self._sweep(entry.instance)
        return entry

    def change(self, entry: Entry, instance: Instance) -> None:
        """Its instance is another now, under the same id."""
        self.take(entry.id)
        entry.instance = instance
        self.put(entry)

    def matching(self, query: Query, states: frozenset[State]) -> list[Entry]:
        """All that fit, in no order that means anything."""
        shelf, left, kind = self._shortest(query)
        # One pass of comprehensions each: this is where a search of ten thousand spends its time.
        found: Iterable[Entry] = shelf.values()
        if len(states) < len(State):
            found = [entry for entry in found if entry.pulse.state in states]
        if left:
            found = [entry for entry in found if left <= entry.instance.capabilities]
        if kind is not None:
            found = [entry for entry in found if entry.instance.kind == kind]
        if query.labels:
            found = [entry for entry in found if not query.labels.isdisjoint(entry.instance.labels)]
        if query.node_id:
            found = [entry for entry in found if entry.instance.node_id == query.node_id]
        if query.text:
            found = [entry for entry in found if _holds(entry.instance, query.text.lower())]
        return list(found)

    def _shortest(self, query: Query) -> tuple[dict[str, Entry], frozenset[str], str | None]:
        """Where to look, and the capabilities and the kind that are still to be looked for there."""
        shelf, used, kind = self.by_id, "", query.kind
        if kind is not None:
            shelf = self._by_kind.get(kind, {})
        for word in query.capabilities:
            other = self._by_word.get(word, {})
            if len(other) <= len(shelf):
                shelf, used = other, word
        return shelf, query.capabilities - {used}, kind if used else None

    def _all_of(self, instance: Instance) -> Iterator[dict[str, Entry]]:
        yield self._by_kind.setdefault(instance.kind, {})
        for word in instance.capabilities:
            yield self._by_word.setdefault(word, {})

    def _sweep(self, instance: Instance) -> None:
        """Empty shelves go: words come from outside and would pile up."""
        for word in instance.capabilities:
            if not self._by_word.get(word, True):
                del self._by_word[word]
        if not self._by_kind[instance.kind]:
            del self._by_kind[instance.kind]


def _holds(instance: Instance, text: str) -> bool:
    told = (instance.name, instance.address, instance.url, instance.version)
    return any(text in value.lower() for value in (*told, *instance.metadata, *instance.metadata.values()))
