"""A node of the live picture as a place for models. Pure."""

from collections.abc import Iterable

from cluster_ai.catalog.fit import Room
from cluster_ai.catalog.names import Door
from cluster_ai.catalog.places import Place
from cluster_ai.catalog.types import Holding
from cluster_ai.gateway.types import UpstreamKind, UpstreamState
from cluster_ai.nodes.fleet import Known
from cluster_ai.pki.types import node_host
from cluster_ai.views import NodeView, OverviewView


def place_of(node: NodeView, picture: OverviewView, known: Known | None) -> Place:
    """``known``: the machine, where the node is one."""
    return Place(
        name=node.name,
        up=node.state is not UpstreamState.DOWN,
        drains=node.draining,
        changes=node.kind is not UpstreamKind.EMBEDDED and not serves_only_its_own(known),
        copies=node.kind is UpstreamKind.MACHINE,
        labels=known.machine.labels if known is not None else (),
        room=_room(node, picture, known),
        models=tuple(
            (
                model.name,
                Holding(
                    node=node.name,
                    digest=model.digest.removeprefix("sha256:"),
                    size=model.size,
                    loaded=model.loaded,
                ),
            )
            for model in node.models
        ),
    )


def serves_only_its_own(known: Known | None) -> bool:
    """A machine without Ollama: the embedded engine fetches nothing."""
    services = known.presence.beat.services if known is not None and known.presence is not None else ()
    kinds = {service.kind for service in services}
    return "embedded" in kinds and "ollama" not in kinds


def _room(node: NodeView, picture: OverviewView, known: Known | None) -> Room | None:
    if known is not None and known.presence is not None:
        return _told(known)
    if node.kind is UpstreamKind.MACHINE or "//127." not in node.url:
        # Somebody's Ollama elsewhere, or a machine that was not heard yet.
        return None
    host = picture.system.host
    return Room(
        memory=max(0, host.memory_total - host.memory_used), disk=max(0, host.disk_total - host.disk_used)
    )  # fmt: skip


def _told(known: Known) -> Room:
    """From a machine's heartbeats."""
    assert known.presence is not None
    gauges, inventory = known.presence.beat.gauges, known.machine.inventory
    used = {(gpu.vendor, gpu.index): gpu.memory_used or 0 for gpu in gauges.gpus}
    free = tuple(max(0, gpu.memory - used.get((gpu.vendor, gpu.index), 0)) for gpu in inventory.gpus if gpu.memory)
    return Room(gpus=free, memory=gauges.memory_free, disk=gauges.disk_free or None)


def addresses_of(machines: Iterable[Known]) -> dict[str, tuple[str, ...]]:
    """By the names in their certificates."""
    return {node_host(one.machine.id): one.machine.addresses for one in machines}


def door_of(known: Known) -> Door:
    """Where a machine's agent answers."""
    machine = known.machine
    return Door(f"https://{node_host(machine.id)}:{machine.port}", machine.addresses)
