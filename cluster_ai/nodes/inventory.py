"""What a machine is made of, and how it is doing: the words of it, pure. Bytes, Celsius, watts, shares from 0 to 1."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from cluster_ai.core.wire import INT64_MAX, Count, StrictModel, Text

MOST_GPUS: Final = 64
MOST_DISKS: Final = 64
MOST_NETWORKS: Final = 64

Short = Annotated[Text, Field(max_length=256)]
Share = Annotated[float, Field(ge=0, le=1)]
Degrees = Annotated[float, Field(ge=-100, le=200)]
Watts = Annotated[float, Field(ge=0, le=1_000_000)]
Bytes = Annotated[int, Field(ge=0, le=INT64_MAX)]


class GpuVendor(StrEnum):
    NVIDIA = "nvidia"
    AMD = "amd"
    INTEL = "intel"


class Gpu(StrictModel):
    """One of them as it was built in. ``index`` is the vendor's own numbering."""

    vendor: GpuVendor
    index: int = Field(ge=0, le=1024)
    name: Short = ""
    memory: Bytes = 0
    """0 when it shares the machine's memory, or does not say."""
    driver: Short = ""


class Disk(StrictModel):
    """Where models and spilled data lie. ``free`` is what this user may still write."""

    path: Short
    total: Bytes
    free: Bytes


class Network(StrictModel):
    """An interface that leads out of the machine. ``mac`` wakes it when ``wakes`` says so."""

    name: Short
    mac: Annotated[str, Field(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$|^$")] = ""
    addresses: Annotated[tuple[Short, ...], Field(max_length=64)] = ()
    """With their prefix length: ``192.168.1.20/24``."""
    wakes: bool = False
    """It is set to wake the machine by a magic packet."""


class Inventory(StrictModel):
    """What changes only when somebody opens the machine, or installs something."""

    hostname: Short
    system: Short = ""
    """``Debian GNU/Linux 12 (bookworm)``"""
    kernel: Short = ""
    architecture: Short = ""
    """``x86_64``, ``aarch64``"""
    python: Short = ""
    """``3.11.7``"""
    version: Short = ""
    """Of this program."""
    environment: Short = ""
    """Names the set of packages: machines with the same one can share tasks."""
    machine_id: Short = ""
    boot_id: Short = ""
    """Changes with every boot."""
    cpu: Short = ""
    cores: Count = 0
    """Physical ones."""
    threads: Count = 0
    memory: Bytes = 0
    gpus: Annotated[tuple[Gpu, ...], Field(max_length=MOST_GPUS)] = ()
    disks: Annotated[tuple[Disk, ...], Field(max_length=MOST_DISKS)] = ()
    networks: Annotated[tuple[Network, ...], Field(max_length=MOST_NETWORKS)] = ()


class GpuGauge(StrictModel):
    """One GPU now; None is what it does not tell."""

    vendor: GpuVendor
    index: int = Field(ge=0, le=1024)
    busy: Share | None = None
    memory_used: Bytes | None = None
    celsius: Degrees | None = None
    watts: Watts | None = None


class Gauges(StrictModel):
    """How the machine is doing now; None is what it does not tell."""

    busy: Share = 0.0
    """Processor time in use, of all threads."""
    load: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    memory_used: Bytes = 0
    memory_free: Bytes = 0
    """What a new program could take without swapping."""
    swap_used: Bytes = 0
    disk_free: Bytes = 0
    """Where models lie."""
    celsius: Degrees | None = None
    """The hottest sensor of the processor."""
    watts: Watts | None = None
    """Of the whole machine as far as it is measured: packages of the processor and GPUs."""
    uptime_seconds: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    gpus: Annotated[tuple[GpuGauge, ...], Field(max_length=MOST_GPUS)] = ()
