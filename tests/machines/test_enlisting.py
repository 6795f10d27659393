"""What the registry is told of the machines' figures."""

import pytest

from cluster_ai.nodes.inventory import Gauges, Gpu, GpuGauge, GpuVendor, Inventory
from cluster_ai.registry.types import Query, Telemetry, Workload
from tests.machines.house import Head, House
from tests.machines.test_lies import enlisting_of

GIB = 2**30


def made(name: str, *gpus: int) -> Inventory:
    cards = tuple(Gpu(vendor=GpuVendor.NVIDIA, index=index, memory=size * GIB) for index, size in enumerate(gpus))
    return Inventory(hostname=name, machine_id=f"id-of-{name}", memory=16 * GIB, gpus=cards)


def used(memory: int, *gpus: int | None) -> Gauges:
    told = tuple(
        GpuGauge(vendor=GpuVendor.NVIDIA, index=index, memory_used=None if size is None else size * GIB)
        for index, size in enumerate(gpus)
    )
    return Gauges(busy=0.25, memory_used=memory * GIB, gpus=told)


@pytest.mark.parametrize(
    ("cards", "in_use", "vram"),
    [
        ((8, 24), (2, 6), 0.25),
        ((8, 24), (4, None), 0.5),
        ((8,), (9,), 1.0),
        ((), (), None),
        ((0,), (1,), None),
        ((8,), (None,), None),
        ((), (3,), None),
    ],
)
def test_memory_is_told_as_a_share_of_what_is_built_in(
    house: House, cards: tuple[int, ...], in_use: tuple[int | None, ...], vram: float | None
) -> None:
    async def story(head: Head) -> None:
        registry = enlisting_of(head)
        tower = await head.joined("tower")
        await tower.send(inventory=made("tower", *cards), gauges=used(4, *in_use))
        (found,) = registry.list(Query(kind="machine"))
        assert found.telemetry == Telemetry(load=0.25, vram=vram, memory=0.25)

    house.tell(story)


def test_machine_with_room_on_its_gpu_is_found_for_training(house: House) -> None:
    async def story(head: Head) -> None:
        registry = enlisting_of(head)
        for name, cards, in_use in (("full", (24,), (23,)), ("free", (24,), (1,)), ("none", (), ())):
            machine = await head.joined(name)
            await machine.send(inventory=made(name, *cards), gauges=used(4, *in_use))
        found = registry.discover(Query(kind="machine", workload=Workload.TRAINING))
        assert [row.instance.name for row in found] == ["free", "none", "full"]

    house.tell(story)
