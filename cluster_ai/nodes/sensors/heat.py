"""Temperature of the processor and what the machine draws, as far as it is measured.

hwmon: Documentation/hwmon/sysfs-interface.rst of Linux; RAPL: Documentation/power/powercap/powercap.rst. Counters of
RAPL are readable by root alone since CVE-2020-8694, unless somebody grants more.
"""

from collections.abc import Iterator
from typing import Final

from cluster_ai.nodes.sensors import plausible
from cluster_ai.nodes.sensors.tree import Tree

HWMON: Final = "/sys/class/hwmon"
ZONES: Final = "/sys/class/thermal"
POWERCAP: Final = "/sys/class/powercap"
SUPPLIES: Final = "/sys/class/power_supply"
OF_PROCESSORS: Final = frozenset(
    {"k10temp", "zenpower", "k8temp", "coretemp", "cpu_thermal", "soc_thermal", "bigcore0_thermal", "scpi_sensors"}
)
OF_PACKAGES: Final = frozenset({"zenpower", "fam15h_power"})
OFFSET_LABEL: Final = "Tctl"
"""Some Ryzens add up to 27 degrees to it, for their fans; beside it stands the die's own."""
DIE_LABEL: Final = "Tdie"
_MICRO: Final = 1e-6
_MILLI: Final = 1e-3


def processor_celsius(tree: Tree) -> float | None:
    """The hottest of its sensors."""
    found = [reading for folder in _monitors(tree, OF_PROCESSORS) for reading in _celsius(tree, folder)]
    return plausible.most(*found) if found else plausible.most(*_zones(tree))


def whole_watts(tree: Tree) -> float | None:
    """Of the whole machine: where its supply or its battery is measured."""
    for folder in _monitors(tree, frozenset({"power_meter", "ina3221"})):
        if (found := _of_supply(tree, folder)) is not None:
            return found
    return _of_batteries(tree)


def package_watts(tree: Tree, rates: plausible.Rates, now: float) -> float | None:
    """Of the processor's packages."""
    by_energy = plausible.total(*_by_energy(tree, rates, now))
    if by_energy is not None:
        return by_energy
    return plausible.total(*(_power(tree, folder) for folder in _monitors(tree, OF_PACKAGES)))


def _by_energy(tree: Tree, rates: plausible.Rates, now: float) -> Iterator[float | None]:
    # The same package may stand there a second time, read another way (intel-rapl-mmio).
    for name in tree.names(POWERCAP, r"intel-rapl:[0-9]+"):
        folder = f"{POWERCAP}/{name}"
        if not (tree.text(f"{folder}/name") or "").startswith("package"):
            continue
        end = tree.number(f"{folder}/max_energy_range_uj")
        grown = rates.per_second(folder, tree.number(f"{folder}/energy_uj"), now, wraps_at=end)
        yield plausible.watts(None if grown is None else grown * _MICRO)


def _monitors(tree: Tree, names: frozenset[str]) -> list[str]:
    folders = [f"{HWMON}/{name}" for name in tree.names(HWMON, r"hwmon[0-9]+")]
    return [folder for folder in folders if (tree.text(f"{folder}/name") or "") in names]


def _celsius(tree: Tree, folder: str) -> list[float | None]:
    inputs = tree.names(folder, r"temp[0-9]+_input")
    labels = {name: tree.text(f"{folder}/{name.removesuffix('_input')}_label") for name in inputs}
    if DIE_LABEL in labels.values():
        inputs = [name for name in inputs if labels[name] != OFFSET_LABEL]
    told = (tree.number(f"{folder}/{name}") for name in inputs)
    return [plausible.celsius(number * _MILLI) for number in told if number is not None]


def _zones(tree: Tree) -> Iterator[float | None]:
    for name in tree.names(ZONES, r"thermal_zone[0-9]+"):
        kind = (tree.text(f"{ZONES}/{name}/type") or "").lower()
        told = tree.number(f"{ZONES}/{name}/temp")
        if told is not None and any(word in kind for word in ("cpu", "pkg", "soc")):
            yield plausible.celsius(told * _MILLI)


def _power(tree: Tree, folder: str) -> float | None:
    told = next((found for word in ("average", "input") if (found := tree.number(f"{folder}/power1_{word}"))), None)
    return plausible.watts(None if told is None else told * _MICRO)


def _of_supply(tree: Tree, folder: str) -> float | None:
    if (found := _power(tree, folder)) is not None:
        return found
    # Three rails in one chip, as on NVIDIA's Jetson; the one that feeds the board is called so.
    for name in tree.names(folder, r"in[0-9]+_label"):
        if tree.text(f"{folder}/{name}") == "VDD_IN":
            number = name.removeprefix("in").removesuffix("_label")
            volts, amperes = tree.number(f"{folder}/in{number}_input"), tree.number(f"{folder}/curr{number}_input")
            if volts is not None and amperes is not None:
                return plausible.watts(volts * amperes * _MICRO)
    return None


def _of_batteries(tree: Tree) -> float | None:
    """Of a machine that runs on them; on mains they tell how fast they are filled."""
    found = []
    for name in tree.names(SUPPLIES):
        folder = f"{SUPPLIES}/{name}"
        is_battery = tree.text(f"{folder}/type") == "Battery" and tree.text(f"{folder}/scope") != "Device"
        if is_battery and tree.text(f"{folder}/status") == "Discharging":
            found.append(_of_battery(tree, folder))
    return plausible.total(*found)


def _of_battery(tree: Tree, folder: str) -> float | None:
    if (told := tree.number(f"{folder}/power_now")) is not None:
        return plausible.watts(told * _MICRO)
    volts, amperes = tree.number(f"{folder}/voltage_now"), tree.number(f"{folder}/current_now")
    return plausible.watts(volts * amperes * _MICRO**2) if volts is not None and amperes is not None else None
