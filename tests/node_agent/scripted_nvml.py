# ruff: noqa: N802 - the names are the library's
"""NVIDIA's library as it speaks on machines that are not here: the names and errors are those of ``pynvml``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml

GIB = 1024**3


@dataclass
class Card:
    """None is what it refuses to tell."""

    name: str | bytes = "NVIDIA GeForce RTX 3090"
    memory: tuple[int, int] | None = (24 * GIB, 6 * GIB)
    """Total and used."""
    busy: int | None = 42
    celsius: int | None = 61
    milliwatts: int | None = 287_450
    slices: Sequence["Card | None"] | None = None
    """With MIG; a slice that nobody made is None."""


@dataclass
class ScriptedNvml:
    """Stands where the module ``pynvml`` stands."""

    cards: list[Card | None] = field(default_factory=list)
    """One that fell off the bus is None."""
    driver: str = "570.133.20"
    refuses: int | None = None
    """Code with which it does not begin."""
    opened: int = 0

    NVMLError = pynvml.NVMLError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("NVML_"):
            return getattr(pynvml, name)
        raise AttributeError(name)

    def _unless_refused(self) -> None:
        if self.refuses is not None:
            raise pynvml.NVMLError(self.refuses)

    def nvmlInit(self) -> None:
        self._unless_refused()
        self.opened += 1

    def nvmlShutdown(self) -> None:
        pass

    def nvmlSystemGetDriverVersion(self) -> str:
        return self.driver

    def nvmlDeviceGetCount(self) -> int:
        self._unless_refused()
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        return _or_error(self.cards[index], pynvml.NVML_ERROR_GPU_IS_LOST)

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        if card.slices is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [pynvml.NVML_DEVICE_MIG_ENABLE] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:
        return len(card.slices or ())

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, number: int) -> Card:
        return _or_error((card.slices or ())[number], pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetName(self, card: Card) -> str | bytes:
        return card.name

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> Any:
        total, used = _or_error(card.memory)
        return SimpleNamespace(total=total, used=used, free=total - used)

    def nvmlDeviceGetUtilizationRates(self, card: Card) -> Any:
        return SimpleNamespace(gpu=_or_error(card.busy), memory=0)

    def nvmlDeviceGetTemperature(self, card: Card, _kind: int) -> int:
        return _or_error(card.celsius)

    def nvmlDeviceGetPowerUsage(self, card: Card) -> int:
        return _or_error(card.milliwatts)


def _or_error(told: Any, code: int = pynvml.NVML_ERROR_NOT_SUPPORTED) -> Any:
    if told is None:
        raise pynvml.NVMLError(code)
    return told
