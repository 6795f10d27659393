"""NVIDIA's GPUs by NVML, the library that comes with the driver.

A machine without it, or whose library and driver differ since an update, has no GPU that anybody could use: that is no
error. A GPU in slices (MIG) is told as its slices, for a program gets one of them and never the whole; their numbers
are ``100 * (GPU + 1) + slice``. Jetson, GB10 and others share the machine's memory, and NVML refuses to tell any.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog

from cluster_ai.nodes.inventory import Gpu, GpuGauge, GpuVendor
from cluster_ai.nodes.sensors import plausible

log = structlog.get_logger(__name__)

SLICES: Final = 100
MOST: Final = 1024
_MILLI: Final = 1e-3


def library() -> Any:
    """NVIDIA's module, or None where it is not installed. Imported here: most machines have no use for it."""
    try:
        import pynvml  # noqa: PLC0415
    except ImportError:
        return None
    return pynvml


@dataclass(frozen=True, slots=True)
class _Device:
    """A GPU or a slice of one."""

    index: int
    of_driver: Any
    whole: Any = None
    """The GPU that this is a slice of."""


class Nvml:
    """It is opened again after a failure: drivers come and go with updates.

    Two threads may ask at a time, as NVML itself allows.
    """

    def __init__(self, load: Callable[[], Any] = library) -> None:
        self._load = load
        self._library: Any = None
        self._is_open = False
        self._devices: tuple[_Device, ...] = ()
        self._said = ""

    def gpus(self) -> tuple[Gpu, ...]:
        """All of them; looks for new ones."""
        if not self._open():
            return ()
        count = self._told(self._library.nvmlDeviceGetCount)
        if count is None:
            self._close()
            return ()
        driver = self._told(self._library.nvmlSystemGetDriverVersion)
        self._devices = tuple(self._found(count))
        return tuple(self._gpu(device, f"nvidia {_text(driver)}".strip()) for device in self._devices)

    def gauges(self) -> tuple[GpuGauge, ...]:
        """Of those that ``gpus`` found."""
        return tuple(self._gauge(device) for device in self._devices)

    def _open(self) -> bool:
        if self._is_open:
            return True
        # Stays once it is there: another thread may be asking it.
        self._library = found = self._library or self._load()
        if found is None:
            return False
        try:
            found.nvmlInit()
        except found.NVMLError as exc:
            self._say(str(exc), is_news=not _is_absent(found, exc))
            return False
        self._is_open = True
        return True

    def _say(self, why: str, *, is_news: bool) -> None:
        """Once for each reason: it stands until somebody restarts the machine."""
        if is_news and why != self._said:
            self._said = why
            log.warning("NVIDIA's GPUs cannot be used", reason=why)

    def _close(self) -> None:
        self._devices = ()
        self._told(self._library.nvmlShutdown)
        self._is_open = False

    def _found(self, count: int) -> Iterator[_Device]:
        for index in range(count):
            handle = self._told(self._library.nvmlDeviceGetHandleByIndex, index)
            if handle is None:
                continue
            slices = list(self._slices(index, handle)) if self._is_sliced(handle) else []
            yield from slices or [_Device(index, handle)]

    def _is_sliced(self, handle: Any) -> bool:
        modes = self._told(self._library.nvmlDeviceGetMigMode, handle)
        return bool(modes) and modes[0] == self._library.NVML_DEVICE_MIG_ENABLE

    def _slices(self, index: int, handle: Any) -> Iterator[_Device]:
        for number in range(self._told(self._library.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            part = self._told(self._library.nvmlDeviceGetMigDeviceHandleByIndex, handle, number)
            if part is not None and (name := SLICES * (index + 1) + number) <= MOST:
                yield _Device(name, part, handle)

    def _gpu(self, device: _Device, driver: str) -> Gpu:
        memory = self._told(self._library.nvmlDeviceGetMemoryInfo, device.of_driver)
        name = self._told(self._library.nvmlDeviceGetName, device.of_driver)
        return Gpu(
            vendor=GpuVendor.NVIDIA,
            index=device.index,
            name=_text(name)[:256],
            memory=(plausible.size(memory.total) or 0) if memory is not None else 0,
            driver=driver[:256],
        )

    def _gauge(self, device: _Device) -> GpuGauge:
        of, nvml = device.of_driver, self._library
        memory = self._told(nvml.nvmlDeviceGetMemoryInfo, of)
        used = self._told(nvml.nvmlDeviceGetUtilizationRates, of)
        # Slices are parts of one chip, which has one temperature; what it draws is told once, with the first of them.
        chip = device.whole or of
        celsius = self._told(nvml.nvmlDeviceGetTemperature, chip, nvml.NVML_TEMPERATURE_GPU)
        draws = self._told(nvml.nvmlDeviceGetPowerUsage, chip) if self._speaks_for_all(device) else None
        return GpuGauge(
            vendor=GpuVendor.NVIDIA,
            index=device.index,
            busy=plausible.percent(used.gpu) if used is not None else None,
            memory_used=plausible.size(memory.used) if memory is not None else None,
            celsius=plausible.celsius(celsius),
            watts=plausible.watts(None if draws is None else draws * _MILLI),
        )

    def _speaks_for_all(self, device: _Device) -> bool:
        if device.whole is None:
            return True
        return next(other for other in self._devices if other.whole is device.whole) is device

    def _told(self, ask: Callable[..., Any], *about: Any) -> Any:
        """None for what this GPU, this driver or this library does not tell."""
        try:
            return ask(*about)
        except self._library.NVMLError as exc:
            self._say(str(exc), is_news=_is_lost(self._library, exc))
            return None


def _is_absent(nvml: Any, exc: Any) -> bool:
    return exc.value in {nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED}


def _is_lost(nvml: Any, exc: Any) -> bool:
    return bool(exc.value == nvml.NVML_ERROR_GPU_IS_LOST)


def _text(told: Any) -> str:
    """Older releases of the library answer with bytes."""
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told or "")
