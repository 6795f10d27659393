"""How a machine is doing, read on machines of many kinds that were recorded."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from cluster_ai.node_agent.gauges import Dials
from cluster_ai.node_agent.inventory import Place
from cluster_ai.nodes.inventory import Gauges
from cluster_ai.nodes.sensors.nvidia import Nvml
from cluster_ai.nodes.sensors.plausible import LONGEST_SPAN, Rates
from cluster_ai.nodes.sensors.tree import Tree
from tests.node_agent.recorded import planted, write
from tests.node_agent.scripted_nvml import GIB, Card, ScriptedNvml

KIB = 1024
RAPL = "/sys/class/powercap"


class Machine:
    """Dials of a recorded machine, and its clock."""

    def __init__(self, tree: Tree, nvml: Nvml | None = None) -> None:
        self.tree = tree
        self.now = 1000.0
        place = Place(folders=(tree.root,), tree=tree, nvml=nvml or Nvml(lambda: None))
        self.dials = Dials(place, clock=lambda: self.now)

    def read(self) -> Gauges:
        return asyncio.run(self.dials.read())

    def later(self, seconds: float, **changed: object) -> Gauges:
        """Reads once more, after files have changed to what is given by path."""
        self.now += seconds
        for path, value in changed.items():
            write(self.tree, path, value)
        return self.read()


def test_a_raspberry_pi(tmp_path: Path) -> None:
    pi = Machine(planted("raspberry_pi_5", tmp_path))
    told = pi.read()
    assert told.celsius == 48.35, "the converter's sensor is not the processor's"
    assert (told.load, told.uptime_seconds, told.watts, told.gpus) == (0.52, 8640.25, None, ())
    assert (told.memory_free, told.memory_used) == (7000000 * KIB, (8256752 - 7000000) * KIB)
    assert told.swap_used == 100000 * KIB
    assert told.disk_free > 0


def test_busy_is_the_time_between_two_rounds(tmp_path: Path) -> None:
    pi = Machine(planted("raspberry_pi_5", tmp_path))
    assert pi.read().busy == 0.0
    told = pi.later(1.0, **{"/proc/stat": "cpu  1060 0 540 8250 550 0 0 50 20 0"})
    assert told.busy == pytest.approx(150 / 450), "idle and waiting for disks is not busy; a stolen second is"


def test_processor_and_built_in_gpu_are_counted_once(tmp_path: Path) -> None:
    apu = Machine(planted("amd_apu", tmp_path))
    first = apu.read()
    assert first.watts == 12.0, "until the packages' counters have been seen twice, the GPU speaks for them"
    told = apu.later(2.0, **{f"{RAPL}/intel-rapl:0/energy_uj": 1000000 + 50_000_000})
    assert told.watts == pytest.approx(25.0)
    (gpu,) = told.gpus
    assert (gpu.busy, gpu.watts, gpu.celsius) == (0.37, 12.0, 55.0)
    assert gpu.memory_used == 4_000_000_000, "what it takes of the machine's memory counts"
    assert told.celsius == 61.125


def test_a_card_adds_to_its_machine(tmp_path: Path) -> None:
    told = Machine(planted("amd_card", tmp_path)).read()
    (gpu,) = told.gpus
    assert (gpu.busy, gpu.watts, gpu.memory_used, gpu.celsius) == (0.99, 303.0, 9_000_000_000, 67.0)
    assert told.watts == 303.0
    assert told.celsius == 61.0, "the offset that Ryzens add for their fans is left out"


def test_a_card_that_sleeps_is_left_asleep(tmp_path: Path) -> None:
    tree = planted("amd_card", tmp_path)
    device = tree.path("/sys/class/drm/card0/device")
    (device / "power").mkdir()
    (device / "power/runtime_status").write_text("suspended\n")
    (gpu,) = Machine(tree).read().gpus
    assert (gpu.busy, gpu.watts, gpu.memory_used) == (0.0, 0.0, None)


def test_two_sockets_are_added_and_counters_wrap(tmp_path: Path) -> None:
    server = Machine(planted("two_sockets", tmp_path))
    assert server.read().watts is None, "a counter says nothing the first time"
    changed = {
        f"{RAPL}/intel-rapl:0/energy_uj": 262143000000 + 100_000_000 - 262143328850,
        f"{RAPL}/intel-rapl:1/energy_uj": 500000000 + 80_000_000,
        f"{RAPL}/intel-rapl-mmio:0/energy_uj": 500000000 + 70_000_000,
    }
    told = server.later(1.0, **changed)
    assert told.watts == pytest.approx(180.0, abs=0.01), "the same package read another way is not a third one"
    assert told.celsius == 58.0, "255 degrees is a lie"


def test_counters_that_only_root_may_read_say_nothing(tmp_path: Path) -> None:
    laptop = Machine(planted("laptop", tmp_path))
    write(laptop.tree, "/sys/class/power_supply/BAT0/status", "Charging")
    laptop.read()
    assert laptop.later(1.0).watts is None


def test_a_laptop_on_its_battery_draws_what_the_battery_gives(tmp_path: Path) -> None:
    told = Machine(planted("laptop", tmp_path)).read()
    assert told.watts == pytest.approx(15.4), "the mouse's battery is not the machine's"
    assert told.celsius == 47.0


def test_a_jetson_is_measured_at_its_supply(tmp_path: Path) -> None:
    nvml = Nvml(lambda: ScriptedNvml([Card(name="Orin", memory=None, milliwatts=None)]))
    nvml.gpus()
    told = Machine(planted("jetson", tmp_path), nvml).read()
    assert (told.watts, told.celsius) == (15.0, 45.5)
    assert (told.gpus[0].memory_used, told.gpus[0].watts, told.gpus[0].busy) == (None, None, 0.42)


def test_intels_gpus_tell_how_long_they_were_awake(tmp_path: Path) -> None:
    desk = Machine(planted("intel_arc", tmp_path))
    desk.read()
    arc = "/sys/class/drm/card1/device/hwmon/hwmon3/energy1_input"
    idle = "/sys/class/drm/card2/device/tile0/gt{}/gtidle/idle_residency_ms"
    told = desk.later(
        2.0,
        **{
            "/sys/class/drm/card0/gt/gt0/rc6_residency_ms": 101500,
            arc: 5000000 + 90_000_000,
            idle.format(0): 50500,
            idle.format(1): 52000,
        },
    )
    built_in = next(gpu for gpu in told.gpus if gpu.index == 0)
    card = next(gpu for gpu in told.gpus if gpu.index == 1)
    newer = next(gpu for gpu in told.gpus if gpu.index == 2)
    assert (built_in.busy, newer.busy) == (pytest.approx(0.25), pytest.approx(0.75))
    assert (card.watts, card.celsius, card.busy) == (pytest.approx(45.0), 44.0, None)
    assert told.watts == pytest.approx(45.0)


def test_two_nvidia_gpus_and_what_one_refuses(tmp_path: Path) -> None:
    library = ScriptedNvml([Card(), Card(busy=None, celsius=None, milliwatts=None)])
    nvml = Nvml(lambda: library)
    nvml.gpus()
    told = Machine(planted("vm", tmp_path), nvml).read()
    first, second = told.gpus
    assert (first.busy, first.memory_used, first.celsius, first.watts) == (0.42, 6 * GIB, 61.0, 287.45)
    assert (second.busy, second.celsius, second.watts, second.memory_used) == (None, None, None, 6 * GIB)
    assert told.watts == 287.45


def test_slices_of_one_chip_draw_its_power_once(tmp_path: Path) -> None:
    slices = [Card(memory=(20 * GIB, GIB), busy=None), Card(memory=(20 * GIB, 2 * GIB), busy=None)]
    nvml = Nvml(lambda: ScriptedNvml([Card(slices=slices, milliwatts=200_000)]))
    nvml.gpus()
    told = Machine(planted("vm", tmp_path), nvml).read()
    assert [(gpu.index, gpu.watts, gpu.celsius) for gpu in told.gpus] == [(100, 200.0, 61.0), (101, None, 61.0)]
    assert told.watts == 200.0


def test_a_virtual_machine_tells_what_it_can(tmp_path: Path) -> None:
    told = Machine(planted("vm", tmp_path)).read()
    assert told.memory_free == 2000000 * KIB, "old kernels do not say what is available"
    assert (told.celsius, told.watts, told.gpus) == (None, None, ())


def test_memory_in_a_container_is_that_of_its_tightest_limit(tmp_path: Path) -> None:
    told = Machine(planted("container", tmp_path)).read()
    # The slice above has 8 GiB, of which 8 GB less 2 GB of idle files are taken.
    assert told.memory_free == 8 * GIB - 8_000_000_000 + 2_000_000_000
    assert told.memory_used == 4 * GIB - told.memory_free


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    told = Machine(Tree(tmp_path)).read()
    assert told == Gauges(disk_free=told.disk_free)


@pytest.mark.parametrize("lie", ["", "-1", "nan", "1e9", "99999999999999999999", "\x00\xff", "--"])
def test_a_sensor_that_lies_costs_only_itself(tmp_path: Path, lie: str) -> None:
    card = Machine(planted("amd_card", tmp_path))
    device = "/sys/class/drm/card0/device"
    for path in ("gpu_busy_percent", "mem_info_vram_used", "hwmon/hwmon3/power1_average", "hwmon/hwmon3/temp1_input"):
        write(card.tree, f"{device}/{path}", lie)
    told = card.read()
    (gpu,) = told.gpus
    assert (gpu.busy, gpu.watts, gpu.celsius) == (None, None, None)
    assert told.celsius == 61.0
    assert Gauges.model_validate_json(told.model_dump_json()) == told


def test_rates_know_pauses_and_resets() -> None:
    rates = Rates()
    assert rates.per_second("a", 100, 0.0) is None
    assert rates.per_second("a", 150, 10.0) == 5.0
    assert rates.per_second("a", 10, 20.0) is None, "set back"
    assert rates.per_second("a", 20, 30.0) == 1.0
    assert rates.per_second("a", 30, 31.0 + LONGEST_SPAN) is None, "too long ago to say anything about now"
    assert rates.per_second("a", None, 200.0) is None
    assert rates.per_second("a", 40, 201.0) is None


def test_this_machine_is_read_again_and_again(tmp_path: Path) -> None:
    async def read() -> list[Gauges]:
        dials = Dials(Place(folders=(tmp_path,)))
        return [await dials.read() for _ in range(20)]

    told = asyncio.run(read())[-1]
    assert 0 < told.memory_free <= psutil.virtual_memory().total
    assert told.uptime_seconds == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60)
    assert told.disk_free > 0
