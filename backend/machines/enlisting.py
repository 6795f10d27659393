"""Machines that are heard stand in the registry: themselves, and what serves models on them."""

from dataclasses import dataclass, field
from typing import Final

from backend.registry.keeping import Keeper, engine_words, words
from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.inventory import Gauges, Inventory
from cluster_ai.nodes.records import Machine
from cluster_ai.nodes.types import InstanceKind, LocalService
from cluster_ai.pki.types import node_host
from cluster_ai.registry.service import Claim, Registry
from cluster_ai.registry.types import MOST_LABELS, MOST_WORDS, Registration, Telemetry

OWNER: Final = Claim("fleet")
ENGINES: Final = frozenset({"ollama", "embedded"})


@dataclass(slots=True)
class Enlisting:
    """Called by the fleet with each heartbeat; touches memory alone."""

    registry: Registry
    lease_seconds: float
    _keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self._keeper = Keeper(self.registry, OWNER)

    def told(self, known: Known) -> None:
        """A machine was heard, or changed by people."""
        if known.presence is None:
            return
        beat = known.presence.beat
        engine = next((service for service in beat.services if service.kind in ENGINES and service.healthy), None)
        telemetry = _telemetry(beat.gauges, known.machine.inventory)
        self._keeper.keep(_machine(known, self.lease_seconds, telemetry))
        if engine is not None:
            self._keeper.keep(_engine(known, engine, self.lease_seconds, telemetry))
        else:
            self._keeper.end(_engine_id(known.machine))

    def gone(self, machine: Machine) -> None:
        """A machine was taken out."""
        self._keeper.end(_machine_id(machine))
        self._keeper.end(_engine_id(machine))


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


def _machine(known: Known, lease: float, telemetry: Telemetry) -> Registration:
    machine, made = known.machine, known.machine.inventory
    facts = (f"arch:{made.architecture}", *(f"gpu:{gpu.vendor.value}" for gpu in made.gpus))
    return Registration(
        id=_machine_id(machine),
        kind=InstanceKind.MACHINE.value,
        name=machine.name,
        node_id=machine.id,
        address=machine.addresses[0] if machine.addresses else "",
        port=machine.port,
        version=made.version,
        capabilities=words(facts, most=MOST_WORDS),
        labels=words(machine.labels, most=MOST_LABELS),
        lease_seconds=lease,
        telemetry=telemetry,
    )


def _engine(known: Known, engine: LocalService, lease: float, telemetry: Telemetry) -> Registration:
    machine = known.machine
    assert known.presence is not None, "the caller has looked"
    models = ((model.name, model.loaded) for model in known.presence.beat.models)
    return Registration(
        id=_engine_id(machine),
        kind=InstanceKind.ENGINE.value,
        name=machine.name,
        node_id=machine.id,
        url=f"https://{node_host(machine.id)}:{machine.port}",
        version=engine.version,
        capabilities=engine_words(models, most=MOST_WORDS),
        labels=words(machine.labels, most=MOST_LABELS),
        metadata={"engine": engine.kind},
        lease_seconds=lease,
        telemetry=telemetry,
    )
