"""Machines that are heard stand in the registry: themselves, and what serves models on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.inventory import Gauges, Inventory
from cluster_ai.nodes.records import Machine
from cluster_ai.nodes.types import InstanceKind, LocalService
from cluster_ai.pki.types import node_host
from cluster_ai.registry.service import Claim, Registry
from cluster_ai.registry.types import (
    MOST_LABELS,
    MOST_WORDS,
    Registration,
    Renewal,
    Telemetry,
    UnknownInstance,
    is_word,
)

OWNER: Final = Claim("fleet")
ENGINES: Final = frozenset({"ollama", "embedded"})
MOST_MODELS: Final = 128


@dataclass(slots=True)
class Enlisting:
    """Called by the fleet with each heartbeat; touches memory alone."""

    registry: Registry
    lease_seconds: float
    _written: dict[str, Registration] = field(default_factory=dict)

    def told(self, known: Known) -> None:
        """A machine was heard, or changed by people."""
        if known.presence is None:
            return
        beat = known.presence.beat
        engine = next((service for service in beat.services if service.kind in ENGINES and service.healthy), None)
        telemetry = _telemetry(beat.gauges, known.machine.inventory)
        self._keep(_machine(known, self.lease_seconds, telemetry))
        if engine is not None:
            self._keep(_engine(known, engine, self.lease_seconds, telemetry))
        else:
            self._end(_engine_id(known.machine))

    def gone(self, machine: Machine) -> None:
        """A machine was taken out."""
        self._end(_machine_id(machine))
        self._end(_engine_id(machine))

    def _keep(self, wanted: Registration) -> None:
        """Renews, and registers when anything but how it does has changed."""
        assert wanted.id is not None, "ours have ids"
        if self._written.get(wanted.id) == wanted.model_copy(update={"telemetry": Telemetry()}):
            try:
                self.registry.renew(wanted.id, Renewal(telemetry=wanted.telemetry), OWNER)
            except UnknownInstance:
                pass
            else:
                return
        self.registry.register(wanted, OWNER)
        self._written[wanted.id] = wanted.model_copy(update={"telemetry": Telemetry()})

    def _end(self, instance: str) -> None:
        if self._written.pop(instance, None) is None:
            return
        try:
            self.registry.deregister(instance, OWNER)
        except UnknownInstance:
            # Its lease ran out before.
            return


def _machine_id(machine: Machine) -> str:
    return f"machine:{machine.id}"


def _engine_id(machine: Machine) -> str:
    return f"engine:{machine.id}"


def _telemetry(now: Gauges, made: Inventory) -> Telemetry:
    """What a machine tells of itself as shares; None for what it does not tell."""
    sizes = {(gpu.vendor, gpu.index): gpu.memory for gpu in made.gpus}
    told = [(gpu.memory_used, sizes.get((gpu.vendor, gpu.index), 0)) for gpu in now.gpus if gpu.memory_used is not None]
    return Telemetry(
        load=now.busy,
        vram=_share(sum(used for used, size in told if size), sum(size for _, size in told)),
        memory=_share(now.memory_used, made.memory),
    )


def _share(used: int, size: int) -> float | None:
    return min(1.0, used / size) if size else None


def _words(told: Iterable[str], *, most: int) -> frozenset[str]:
    """Those that the registry takes: a machine may call itself and its models anything."""
    return frozenset(list(dict.fromkeys(filter(is_word, told)))[:most])


def _machine(known: Known, lease: float, telemetry: Telemetry) -> Registration:
    machine, made = known.machine, known.machine.inventory
    words = (f"arch:{made.architecture}", *(f"gpu:{gpu.vendor.value}" for gpu in made.gpus))
    return Registration(
        id=_machine_id(machine),
        kind=InstanceKind.MACHINE.value,
        name=machine.name,
        node_id=machine.id,
        address=machine.addresses[0] if machine.addresses else "",
        port=machine.port,
        version=made.version,
        capabilities=_words(words, most=MOST_WORDS),
        labels=_words(machine.labels, most=MOST_LABELS),
        lease_seconds=lease,
        telemetry=telemetry,
    )


def _engine(known: Known, engine: LocalService, lease: float, telemetry: Telemetry) -> Registration:
    machine = known.machine
    assert known.presence is not None, "the caller has looked"
    models = [f"model:{model.name}" for model in known.presence.beat.models[:MOST_MODELS]]
    loaded = [f"loaded:{model.name}" for model in known.presence.beat.models[:MOST_MODELS] if model.loaded]
    return Registration(
        id=_engine_id(machine),
        kind=InstanceKind.ENGINE.value,
        name=machine.name,
        node_id=machine.id,
        url=f"https://{node_host(machine.id)}:{machine.port}",
        version=engine.version,
        capabilities=_words(("ollama-api", *loaded, *models), most=MOST_WORDS),
        labels=_words(machine.labels, most=MOST_LABELS),
        metadata={"engine": engine.kind},
        lease_seconds=lease,
        telemetry=telemetry,
    )
