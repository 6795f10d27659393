"""What Dask's workers get of this machine: read from the system when it is asked, and as the settings wish.

A worker asks when it starts. One that runs keeps what it got, whatever is built into the machine meanwhile.
"""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from cluster_ai.compute.sizing import Ground, Share, share_of, share_with
from cluster_ai.compute.types import ShareView
from cluster_ai.nodes.inventory import Gpu, GpuVendor, Inventory
from cluster_ai.nodes.sensors import cards, cgroups, memory, processor
from cluster_ai.nodes.sensors.nvidia import Nvml
from cluster_ai.nodes.sensors.tree import Tree
from cluster_ai.nodes.types import WorkerShare
from cluster_ai.settings import Settings

T = TypeVar("T")
DRIVER_SECONDS: Final = 5.0
"""A driver that hangs must not keep a machine from working."""


def share_here(settings: Settings) -> Share:
    """Of this machine. Blocks, for milliseconds; for five seconds when a driver hangs."""
    return share_of(ground_of(machine_now(), settings), settings.compute.wish)


def share_of_worker(settings: Settings, index: int) -> Share:
    """The same, where there is a worker number ``index`` (from 0). Blocks."""
    return share_with(ground_of(machine_now(), settings), settings.compute.wish, index)


def share_in(inventory: Inventory, settings: Settings) -> Share:
    """Of a machine that was read already. Pure."""
    return share_of(ground_of(inventory, settings), settings.compute.wish)


def told_share(settings: Settings, inventory: Inventory) -> WorkerShare:
    """The same in the words of a heartbeat. Pure."""
    found = share_in(inventory, settings)
    return WorkerShare(workers=found.workers, threads=found.threads, memory=found.memory, why_none=found.why_none or "")


def view_of(share: Share) -> ShareView:
    """The same as it is shown. Pure."""
    return ShareView(workers=share.workers, threads=share.threads, memory=share.memory, why_none=share.why_none or "")


def ground_of(inventory: Inventory, settings: Settings) -> Ground:
    """What the machine has, as workers and models share it. Pure."""
    usable = tuple(gpu.memory for gpu in inventory.gpus if _computes(gpu))
    serves = not settings.agent.has_joined or settings.agent.engine != "none"
    return Ground(inventory.memory, inventory.cores, usable, serves_models=serves)


def machine_now(tree: Tree | None = None, gpus: Callable[[], tuple[Gpu, ...]] | None = None) -> Inventory:
    """This machine, or the one below ``tree``, as far as it matters here. Blocks."""
    tree = tree or Tree()
    limits = cgroups.limits(tree)
    others = tuple(cards.gpu(tree, card) for card in cards.cards(tree))
    nothing: tuple[Gpu, ...] = ()
    return Inventory(
        hostname="",
        cores=processor.processor(tree, limits).cores,
        memory=memory.memory(tree, limits).total,
        gpus=(*_in_time(gpus or Nvml().gpus, otherwise=nothing), *others),
    )


def _computes(gpu: Gpu) -> bool:
    """What is part of a processor draws pictures; engines compute beside it on the processor."""
    return gpu.vendor is GpuVendor.NVIDIA or gpu.memory > 0


def _in_time(read: Callable[[], T], *, otherwise: T) -> T:
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(read()), name="driver", daemon=True)
    thread.start()
    thread.join(DRIVER_SECONDS)
    return found[0] if found else otherwise
