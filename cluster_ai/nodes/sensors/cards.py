"""Graphics cards of AMD and Intel as ``/sys/class/drm`` tells them; NVIDIA's speak through NVML alone.

AMD: Documentation/gpu/amdgpu/driver-misc.rst and thermal.rst of Linux. Intel: Documentation/ABI/testing of i915 and xe.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cluster_ai.nodes.inventory import Gpu, GpuGauge, GpuVendor
from cluster_ai.nodes.sensors import plausible
from cluster_ai.nodes.sensors.tree import Tree

DRM: Final = "/sys/class/drm"
VENDORS: Final = ((0x1002, GpuVendor.AMD), (0x8086, GpuVendor.INTEL))
SHARES_BELOW: Final = 1024**3
"""An AMD GPU with less memory of its own than 1 GiB is part of a processor: that is what the firmware sets aside."""
INTEL_BUILT_IN: Final = "0000:00:02.0"
"""Where the GPU of an Intel processor sits, on all of them."""
APERTURE: Final = 256 * 1024**2
"""A window of this size shows a part of the memory; a larger one all of it."""
_IDS: Final = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")
_MICRO: Final = 1e-6
_MILLI: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Card:
    """``device`` is its folder. ``index`` counts those of a vendor."""

    vendor: GpuVendor
    index: int
    device: str
    slot: str

    @property
    def key(self) -> str:
        return f"{self.vendor.value}:{self.index}"


def cards(tree: Tree) -> tuple[Card, ...]:
    found: list[Card] = []
    for name in tree.names(DRM, r"card[0-9]+"):
        device = f"{DRM}/{name}/device"
        number = tree.number(f"{device}/vendor")
        vendor = next((vendor for code, vendor in VENDORS if code == number), None)
        if vendor is not None:
            index = sum(card.vendor is vendor for card in found)
            found.append(Card(vendor, index, device, tree.target(device)))
    return tuple(found)


def gpu(tree: Tree, card: Card) -> Gpu:
    driver = tree.target(f"{card.device}/driver")
    version = tree.text(f"{card.device}/driver/module/version") or ""
    return Gpu(
        vendor=card.vendor,
        index=card.index,
        name=_name(tree, card)[:256],
        memory=own_memory(tree, card),
        driver=f"{driver} {version}".strip()[:256],
    )


def own_memory(tree: Tree, card: Card) -> int:
    """Bytes that are the card's alone; 0 when it shares the machine's, or does not say."""
    if card.vendor is GpuVendor.AMD:
        told = plausible.size(tree.number(f"{card.device}/mem_info_vram_total")) or 0
        return told if told >= SHARES_BELOW else 0
    if card.slot == INTEL_BUILT_IN:
        return 0
    told = _by_tiles(tree, card) or tree.number(f"{card.device}/lmem_total_bytes") or _by_window(tree, card)
    return plausible.size(told) or 0


def gauge(tree: Tree, card: Card, rates: plausible.Rates, now: float) -> GpuGauge:
    """How it is doing. One that sleeps is not woken by the question."""
    if tree.text(f"{card.device}/power/runtime_status") == "suspended":
        return GpuGauge(vendor=card.vendor, index=card.index, busy=0.0, watts=0.0)
    return _amd(tree, card) if card.vendor is GpuVendor.AMD else _intel(tree, card, rates, now)


def _amd(tree: Tree, card: Card) -> GpuGauge:
    used = tree.number(f"{card.device}/mem_info_vram_used")
    if used is not None and not own_memory(tree, card):
        used += tree.number(f"{card.device}/mem_info_gtt_used") or 0
    return GpuGauge(
        vendor=card.vendor,
        index=card.index,
        busy=plausible.percent(tree.number(f"{card.device}/gpu_busy_percent")),
        memory_used=plausible.size(used),
        celsius=_first(_celsius(tree, card)),
        watts=_first(_watts(tree, card)),
    )


def _intel(tree: Tree, card: Card, rates: plausible.Rates, now: float) -> GpuGauge:
    return GpuGauge(
        vendor=card.vendor,
        index=card.index,
        busy=_awake(tree, card, rates, now),
        celsius=_first(_celsius(tree, card)),
        watts=plausible.total(*_by_energy(tree, card, rates, now)),
    )


def _awake(tree: Tree, card: Card, rates: plausible.Rates, now: float) -> float | None:
    """Share of the time in which the busiest of its parts did not sleep: Intel's drivers tell no other use to users."""
    asleep = [f"{DRM}/card{_number(card)}/gt/{gt}/rc6_residency_ms" for gt in _parts(tree, card)]
    for tile in tree.names(card.device, r"tile[0-9]+"):
        parts = tree.names(f"{card.device}/{tile}", r"gt[0-9]+")
        asleep += [f"{card.device}/{tile}/{gt}/gtidle/idle_residency_ms" for gt in parts]
    rest = [rates.per_second(path, tree.number(path), now) for path in asleep]
    return plausible.most(*(plausible.share(1 - each * _MILLI) for each in rest if each is not None))


def _number(card: Card) -> str:
    return card.device.removeprefix(f"{DRM}/card").partition("/")[0]


def _parts(tree: Tree, card: Card) -> list[str]:
    return tree.names(f"{DRM}/card{_number(card)}/gt", r"gt[0-9]+")


def _by_energy(tree: Tree, card: Card, rates: plausible.Rates, now: float) -> Iterator[float | None]:
    for folder in _monitors(tree, card):
        path = f"{folder}/energy1_input"
        grown = rates.per_second(path, tree.number(path), now)
        yield plausible.watts(None if grown is None else grown * _MICRO)


def _celsius(tree: Tree, card: Card) -> Iterator[float | None]:
    for folder in _monitors(tree, card):
        for name in tree.names(folder, r"temp[0-9]+_input"):
            told = tree.number(f"{folder}/{name}")
            yield plausible.celsius(None if told is None else told * _MILLI)


def _watts(tree: Tree, card: Card) -> Iterator[float | None]:
    for folder in _monitors(tree, card):
        for name in ("power1_average", "power1_input"):
            told = tree.number(f"{folder}/{name}")
            yield plausible.watts(None if told is None else told * _MICRO)


def _monitors(tree: Tree, card: Card) -> list[str]:
    return [f"{card.device}/hwmon/{name}" for name in tree.names(f"{card.device}/hwmon", r"hwmon[0-9]+")]


def _first(readings: Iterator[float | None]) -> float | None:
    return next((reading for reading in readings if reading is not None), None)


def _by_tiles(tree: Tree, card: Card) -> int:
    tiles = tree.names(card.device, r"tile[0-9]+")
    return sum(tree.number(f"{card.device}/{tile}/physical_vram_size_bytes") or 0 for tile in tiles)


def _by_window(tree: Tree, card: Card) -> int:
    """The third region of the PCI device shows the memory, where the firmware made the window large enough."""
    lines = (tree.text(f"{card.device}/resource") or "").splitlines()
    try:
        start, end, _ = (int(word, 16) for word in lines[2].split())
    except (IndexError, ValueError):
        return 0
    size = end - start + 1
    return size if size > APERTURE else 0


def _name(tree: Tree, card: Card) -> str:
    code = (tree.text(f"{card.device}/device") or "").removeprefix("0x").lower()
    told = tree.text(f"{card.device}/product_name") or _of_amd(tree, card, code) or _of_all(tree, card, code)
    return told or f"{card.vendor.value} {code}".strip()


def _of_amd(tree: Tree, card: Card, code: str) -> str:
    """As AMD sells it: one chip is many products, told apart by their revision."""
    if card.vendor is not GpuVendor.AMD:
        return ""
    revision = (tree.text(f"{card.device}/revision") or "").removeprefix("0x").lower()
    for line in (tree.text("/usr/share/libdrm/amdgpu.ids") or "").splitlines():
        words = [word.strip() for word in line.split(",", 2)]
        if len(words) == 3 and [word.lower() for word in words[:2]] == [code, revision]:  # noqa: PLR2004
            return words[2]
    return ""


def _of_all(tree: Tree, card: Card, code: str) -> str:
    """From the list of all PCI devices, where the system has it: a device stands behind a tab below its vendor."""
    vendor = "1002" if card.vendor is GpuVendor.AMD else "8086"
    text = next((found for path in _IDS if (found := tree.text(path))), "")
    _, _, section = f"\n{text}".partition(f"\n{vendor}  ")
    for line in section.splitlines()[1:]:
        if line[:1] not in {"\t", "#", ""}:
            break
        if line.startswith(f"\t{code}  "):
            return line[6:].strip()
    return ""
