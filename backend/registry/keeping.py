"""Instances that the head registers itself, kept alive from what it sees. Touches memory alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.registry.service import Claim, Registry
from cluster_ai.registry.types import Registration, Renewal, Telemetry, UnknownInstance, is_word

MOST_MODELS: Final = 128
LONGEST_TEXT: Final = 256


@dataclass(slots=True)
class Keeper:
    """Who registers and renews in one name."""

    registry: Registry
    claim: Claim
    _written: dict[str, Registration] = field(default_factory=dict)

    def keep(self, wanted: Registration, *, well: bool = True) -> None:
        """Renews, and registers when anything but how it does has changed. ``wanted`` has an id."""
        assert wanted.id is not None, "ours have ids"
        facts = wanted.model_copy(update={"telemetry": Telemetry()})
        if self._written.get(wanted.id) != facts or not self._renewed(wanted.id, wanted.telemetry, well=well):
            self.registry.register(wanted, self.claim)
            self._written[wanted.id] = facts
            if not well:
                self._renewed(wanted.id, wanted.telemetry, well=False)

    def end(self, instance: str) -> None:
        """It is no more, if it was ours."""
        if self._written.pop(instance, None) is None:
            return
        try:
            self.registry.deregister(instance, self.claim)
        except UnknownInstance:
            # Its lease ran out before.
            return

    def end_others(self, but: Iterable[str] = ()) -> None:
        """All of ours but those."""
        for instance in self._written.keys() - set(but):
            self.end(instance)

    def _renewed(self, instance: str, telemetry: Telemetry, *, well: bool) -> bool:
        try:
            self.registry.renew(instance, Renewal(telemetry=telemetry, well=well), self.claim)
        except UnknownInstance:
            return False
        return True


def words(told: Iterable[str], *, most: int) -> frozenset[str]:
    """Those that the registry takes: a machine may call itself and its models anything."""
    return frozenset(list(dict.fromkeys(filter(is_word, told)))[:most])


def short(told: str) -> str:
    """As much of a text from elsewhere as the registry takes."""
    return told.encode("utf-8", "ignore").decode().replace("\x00", "")[:LONGEST_TEXT]


def engine_words(models: Iterable[tuple[str, bool]], *, most: int) -> frozenset[str]:
    """What an engine with these models, each of them loaded or not, can do."""
    some = list(models)[:MOST_MODELS]
    loaded = [f"loaded:{name}" for name, is_loaded in some if is_loaded]
    return words(("ollama-api", *loaded, *(f"model:{name}" for name, _ in some)), most=most)
