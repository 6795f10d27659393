"""Where the parts of Dask stand. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Outward:
    """How other machines reach a part: under TLS at ``host``, with the certificate in ``folder``."""

    host: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the scheduler sits. ``host`` is loopback: there it speaks in the clear."""

    port: int
    dashboard_port: int
    scratch: Path
    """Directory for what Dask writes."""
    host: str = LOOPBACK
    outward: Outward | None = None
    environment: str = ""
    """Names the set of packages here; empty when nobody knows."""
    jobs: Path | None = None
    """Directory for what people submit; None: in ``scratch``."""


@dataclass(frozen=True, slots=True)
class Post:
    """Where one worker stands, and whom it works for."""

    name: str
    ports: tuple[int, int]
    """The worker's and the nanny's."""
    scheduler: str
    """Its address, with or without ``tcp://``; ``tls://host:port`` asks for ``outward``."""
    scratch: Path
    """Directory for spilled data."""
    outward: Outward | None = None
    """Of this machine; None: in the clear, on loopback."""
    threads: int = 1
    memory_limit: int | str = "1GiB"
    """Bytes, or text with a unit."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Beside ``slot``: GPUs, labels."""
    environment: str = ""
    api: tuple[str, ...] = ()
    """Where tickets are begun and reported: URLs, the best first; https ones need ``outward``."""
    tickets: Path | None = None
    """Directory for what tickets leave; None: in ``scratch``."""

    @property
    def host(self) -> str:
        return self.outward.host if self.outward else LOOPBACK
