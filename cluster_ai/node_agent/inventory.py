"""What this machine is made of, read from the system."""

import asyncio
import platform
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from cluster_ai.node_agent.models_folder import ollamas_folder
from cluster_ai.node_agent.sensing import Sensor
from cluster_ai.nodes.bundle.identity import environment_id
from cluster_ai.nodes.inventory import MOST_DISKS, MOST_GPUS, Gpu, Inventory, Network
from cluster_ai.nodes.sensors import cards, cgroups, memory, networks, processor, system
from cluster_ai.nodes.sensors.disks import disks
from cluster_ai.nodes.sensors.nvidia import Nvml
from cluster_ai.nodes.sensors.tree import Tree

T = TypeVar("T")

SLOW_SECONDS: Final = 5.0
"""A driver that has just been loaded takes its time for the first question."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is read. By default this one; tests read others that were recorded."""

    folders: tuple[Path, ...]
    """Where models lie, then where our data and Dask's scratch lie."""
    tree: Tree = field(default_factory=Tree)
    nvml: Nvml = field(default_factory=Nvml)
    addresses: networks.Addresses = networks.own_addresses
    wakes: networks.Wakes = networks.wakes_by_magic


def here(*ours: Path) -> Place:
    """This machine; pulls fill the disk of its Ollama, if it has one. Blocks."""
    found = ollamas_folder()
    return Place(ours if found is None else (found, *ours))


class Stocktaking:
    """Reads the inventory: 10 to 30 ms of CPU, most of it for names of cards; once a minute is plenty."""

    def __init__(self, place: Place, *, version: str) -> None:
        self._place = place
        self._version = version
        tree = place.tree
        self._base = Sensor("system", self._system, otherwise=Inventory(hostname=""), seconds=SLOW_SECONDS, keeps=True)
        self._nvidia = _slow("nvidia", place.nvml.gpus)
        self._cards = _slow("cards", lambda: _cards(tree))
        self._disks = _slow("disks", lambda: disks(place.folders))
        self._networks = _slow("networks", self._interfaces)

    async def take(self) -> Inventory:
        """All that can be read within seconds."""
        base, nvidia, others, found, wires = await asyncio.gather(
            self._base.ask(), self._nvidia.ask(), self._cards.ask(), self._disks.ask(), self._networks.ask()
        )
        gpus, lying = (*nvidia, *others)[:MOST_GPUS], found[:MOST_DISKS]
        return base.model_copy(update={"gpus": gpus, "disks": lying, "networks": wires})

    def silent(self) -> dict[str, str]:
        """Sensors that say nothing, and why."""
        sensors = (self._base, self._nvidia, self._cards, self._disks, self._networks)
        return {sensor.name: sensor.why for sensor in sensors if sensor.why}

    def _interfaces(self) -> tuple[Network, ...]:
        return networks.networks(self._place.tree, addresses=self._place.addresses, wakes=self._place.wakes)

    def _system(self) -> Inventory:
        tree = self._place.tree
        limits = cgroups.limits(tree)
        chip, told = processor.processor(tree, limits), platform.uname()
        return Inventory(
            hostname=socket.gethostname()[:256],
            system=system.system_name(tree),
            kernel=told.release[:256],
            architecture=told.machine[:256],
            python=platform.python_version(),
            version=self._version,
            environment=environment_id(),
            machine_id=system.machine_id(tree),
            boot_id=system.boot_id(tree),
            cpu=chip.name,
            cores=chip.cores,
            threads=chip.threads,
            memory=memory.memory(tree, limits).total,
        )


def _slow(name: str, read: Callable[[], tuple[T, ...]]) -> Sensor[tuple[T, ...]]:
    """Of things that are there or not."""
    return Sensor[tuple[T, ...]](name, read, otherwise=(), seconds=SLOW_SECONDS, keeps=True)


def _cards(tree: Tree) -> tuple[Gpu, ...]:
    return tuple(cards.gpu(tree, card) for card in cards.cards(tree))
