"""How this machine is doing, read from the system once for each heartbeat."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.clock import Clock, monotonic
from cluster_ai.node_agent.inventory import Place
from cluster_ai.node_agent.sensing import Sensor
from cluster_ai.nodes.inventory import MOST_GPUS, Gauges, GpuGauge
from cluster_ai.nodes.sensors import cards, cgroups, heat, plausible, processor
from cluster_ai.nodes.sensors.disks import disks
from cluster_ai.nodes.sensors.memory import memory

NOTHING: Final = Gauges()


@dataclass(frozen=True, slots=True)
class Drawn:
    """Watts. None is what nobody measures."""

    whole: float | None = None
    packages: float | None = None


@dataclass(frozen=True, slots=True)
class Others:
    """Cards that are not NVIDIA's, by whether they have memory of their own."""

    apart: tuple[GpuGauge, ...] = ()
    built_in: tuple[GpuGauge, ...] = ()


class Dials:
    """Reads the gauges. A round costs about 1.5 ms of CPU on a small server; a card of AMD or Intel 0.3 ms more.

    What is a rate (busy, watts of counters) is that since the round before, and nothing in the first one.
    """

    def __init__(self, place: Place, *, clock: Clock = monotonic) -> None:
        self._place = place
        self._clock = clock
        self._card_rates, self._heat_rates = plausible.Rates(), plausible.Rates()
        self._times: processor.Times | None = None
        self._base = Sensor("gauges", self._system, otherwise=NOTHING, keeps=True)
        self._disk = Sensor("disk", self._disk_free, otherwise=0, keeps=True)
        self._heat = Sensor[float | None]("heat", lambda: heat.processor_celsius(place.tree), otherwise=None)
        self._power = Sensor("power", self._drawn, otherwise=Drawn())
        self._nvidia = Sensor[tuple[GpuGauge, ...]]("nvidia now", place.nvml.gauges, otherwise=())
        self._cards = Sensor("cards now", self._read_cards, otherwise=Others())

    async def read(self) -> Gauges:
        """All that can be read within a second."""
        base, free, celsius, drawn, nvidia, others = await asyncio.gather(
            self._base.ask(),
            self._disk.ask(),
            self._heat.ask(),
            self._power.ask(),
            self._nvidia.ask(),
            self._cards.ask(),
        )
        apart = (*nvidia, *others.apart)
        gpus = (*apart, *others.built_in)[:MOST_GPUS]
        watts = _watts(drawn, apart, others.built_in)
        return base.model_copy(update={"disk_free": free, "celsius": celsius, "watts": watts, "gpus": gpus})

    def silent(self) -> dict[str, str]:
        """Sensors that say nothing, and why."""
        sensors = (self._base, self._disk, self._heat, self._power, self._nvidia, self._cards)
        return {sensor.name: sensor.why for sensor in sensors if sensor.why}

    def _system(self) -> Gauges:
        tree = self._place.tree
        found, before = processor.times(tree), self._times
        self._times = found
        held = memory(tree, cgroups.limits(tree))
        return Gauges(
            busy=(found.share_since(before) if found and before else None) or 0.0,
            load=_first_number(tree.text("/proc/loadavg")),
            memory_used=held.used,
            memory_free=held.free,
            swap_used=held.swap_used,
            uptime_seconds=_first_number(tree.text("/proc/uptime")),
        )

    def _disk_free(self) -> int:
        return next((disk.free for disk in disks(self._place.folders[:1])), 0)

    def _drawn(self) -> Drawn:
        tree = self._place.tree
        return Drawn(heat.whole_watts(tree), heat.package_watts(tree, self._heat_rates, self._clock()))

    def _read_cards(self) -> Others:
        tree, now = self._place.tree, self._clock()
        apart: list[GpuGauge] = []
        built_in: list[GpuGauge] = []
        for card in cards.cards(tree):
            among = apart if cards.own_memory(tree, card) else built_in
            among.append(cards.gauge(tree, card, self._card_rates, now))
        return Others(tuple(apart), tuple(built_in))


def _watts(drawn: Drawn, apart: Iterable[GpuGauge], built_in: Iterable[GpuGauge]) -> float | None:
    """Of the whole machine; else of its packages, which hold the GPUs that are built in, and of the other GPUs."""
    if drawn.whole is not None:
        return drawn.whole
    packages = drawn.packages
    if packages is None:
        packages = plausible.total(*(gpu.watts for gpu in built_in))
    return plausible.total(packages, *(gpu.watts for gpu in apart))


def _first_number(text: str | None) -> float:
    try:
        return max(0.0, float((text or "0").split()[0]))
    except (IndexError, ValueError):
        return 0.0
