"""The processor: what it is, how many cores we may use, and how busy it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cluster_ai.nodes.sensors.cgroups import Limits
from cluster_ai.nodes.sensors.tree import Tree

# ARM's Main ID Register: who made a core, and which it is; as in Linux, arch/arm64/include/asm/cputype.h.
MAKERS: Final[Mapping[int, str]] = MappingProxyType(
    {0x41: "ARM", 0x42: "Broadcom", 0x4E: "NVIDIA", 0x51: "Qualcomm", 0x61: "Apple", 0x6D: "Microsoft", 0xC0: "Ampere"}
)
ARM_CORES: Final[Mapping[tuple[int, int], str]] = MappingProxyType(
    {
        (0x41, 0xB76): "ARM1176",
        (0x41, 0xC07): "Cortex-A7",
        (0x41, 0xC0F): "Cortex-A15",
        (0x41, 0xD03): "Cortex-A53",
        (0x41, 0xD04): "Cortex-A35",
        (0x41, 0xD05): "Cortex-A55",
        (0x41, 0xD07): "Cortex-A57",
        (0x41, 0xD08): "Cortex-A72",
        (0x41, 0xD09): "Cortex-A73",
        (0x41, 0xD0A): "Cortex-A75",
        (0x41, 0xD0B): "Cortex-A76",
        (0x41, 0xD0C): "Neoverse-N1",
        (0x41, 0xD0D): "Cortex-A77",
        (0x41, 0xD40): "Neoverse-V1",
        (0x41, 0xD41): "Cortex-A78",
        (0x41, 0xD42): "Cortex-A78AE",
        (0x41, 0xD44): "Cortex-X1",
        (0x41, 0xD46): "Cortex-A510",
        (0x41, 0xD47): "Cortex-A710",
        (0x41, 0xD48): "Cortex-X2",
        (0x41, 0xD49): "Neoverse-N2",
        (0x41, 0xD4D): "Cortex-A715",
        (0x41, 0xD4E): "Cortex-X3",
        (0x41, 0xD4F): "Neoverse-V2",
        (0x41, 0xD80): "Cortex-A520",
        (0x41, 0xD81): "Cortex-A720",
        (0x41, 0xD82): "Cortex-X4",
        (0x41, 0xD85): "Cortex-X925",
        (0x41, 0xD87): "Cortex-A725",
        (0x4E, 0x004): "Carmel",
        (0x51, 0x001): "Oryon",
        (0xC0, 0xAC3): "Ampere-1",
        (0xC0, 0xAC4): "Ampere-1a",
    }
)
_OTHER_NAMES: Final = ("cpu", "uarch", "isa")
"""What POWER and RISC-V call it."""
_TOPOLOGY: Final = "/sys/devices/system/cpu"


@dataclass(frozen=True, slots=True)
class Processor:
    name: str
    cores: int
    """Physical ones that we may use."""
    threads: int


@dataclass(frozen=True, slots=True)
class Times:
    """Of all threads since the boot, in ticks."""

    busy: int
    all: int

    def share_since(self, before: "Times") -> float | None:
        """Share of the time in between that was used; None when none has passed."""
        passed = self.all - before.all
        return min(1.0, max(0.0, (self.busy - before.busy) / passed)) if passed > 0 else None


def processor(tree: Tree, limits: Limits) -> Processor:
    blocks = _blocks(tree.text("/proc/cpuinfo") or "")
    threads = sum("processor" in block for block in blocks) or len(tree.names(_TOPOLOGY, r"cpu[0-9]+")) or 1
    cores = _cores_by_topology(tree) or _cores_by_text(blocks) or threads
    if limits.processors is not None:
        # Half a processor is one that is used half of the time.
        threads = max(1, min(threads, math.ceil(limits.processors)))
    return Processor(_name(tree, blocks), min(cores, threads), threads)


def times(tree: Tree) -> Times | None:
    """None when ``/proc/stat`` does not tell."""
    first = (tree.text("/proc/stat") or "").partition("\n")[0].split()
    if first[:1] != ["cpu"] or len(first) < 5 or not all(word.isdecimal() for word in first[1:]):  # noqa: PLR2004
        return None
    # user nice system idle iowait irq softirq steal; guests' time is in user's already.
    ticks = [int(word) for word in first[1:9]]
    idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)  # noqa: PLR2004
    return Times(sum(ticks) - idle, sum(ticks))


def _blocks(text: str) -> list[dict[str, str]]:
    """Paragraphs of ``cpuinfo``, names in lower case; the first value of a name counts."""
    found = []
    for paragraph in text.split("\n\n"):
        block: dict[str, str] = {}
        for line in paragraph.splitlines():
            name, colon, value = line.partition(":")
            if colon:
                block.setdefault(name.strip().lower(), value.strip())
        found.append(block)
    return found


def _cores_by_topology(tree: Tree) -> int:
    siblings = set()
    for name in tree.names(_TOPOLOGY, r"cpu[0-9]+"):
        folder = f"{_TOPOLOGY}/{name}/topology"
        siblings.add(tree.text(f"{folder}/core_cpus_list") or tree.text(f"{folder}/thread_siblings_list"))
    return len(siblings - {None, ""})


def _cores_by_text(blocks: list[dict[str, str]]) -> int:
    return len({(block.get("physical id"), block["core id"]) for block in blocks if "core id" in block})


def _name(tree: Tree, blocks: list[dict[str, str]]) -> str:
    """Words of the processor; those of the board behind them where that says more."""
    said = [block["model name"] for block in blocks if block.get("model name")]
    said = (
        said
        or _arm_names(blocks)
        or [block[key] for key in ("cpu", "uarch", "isa") for block in blocks if key in block]
    )
    board = tree.text("/proc/device-tree/model") or _first(blocks, "model") or ""
    name = " + ".join(dict.fromkeys(" ".join(words.split()) for words in said))
    if not name or board.isdecimal():
        return name or (_first(blocks, "hardware") or "")
    return f"{name} ({board})"[:256] if board else name[:256]


def _first(blocks: list[dict[str, str]], key: str) -> str | None:
    return next((block[key] for block in blocks if block.get(key)), None)


def _arm_names(blocks: list[dict[str, str]]) -> list[str]:
    found = []
    for block in blocks:
        try:
            maker, part = int(block["cpu implementer"], 16), int(block["cpu part"], 16)
        except (KeyError, ValueError):
            continue
        found.append(ARM_CORES.get((maker, part)) or f"{MAKERS.get(maker, 'ARM')} core {part:#x}")
    return found
