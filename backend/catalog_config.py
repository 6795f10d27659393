"""What the catalog room is opened with and over."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backend.live import Live
from cluster_ai.accounts.service import Times
from cluster_ai.core.bus import Bus
from cluster_ai.core.consent import Consent, always
from cluster_ai.core.db import Database
from cluster_ai.nodes.fleet import Fleet


@dataclass(frozen=True, slots=True)
class CatalogConfig:
    """``bases`` gives the addresses of registries that have no HTTPS; ``users`` is the folder of people's own files."""

    users: Path | None = None
    registries: tuple[str, ...] = ("registry.ollama.ai",)
    allow_pull: bool = True
    bases: Mapping[str, str] = field(default_factory=dict)
    aliases: Callable[[], Mapping[str, Iterable[str]]] = dict
    """Of models, as the configuration has them at the moment; reads a file."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the room is opened over."""

    database: Database
    live: Live
    fleet: Fleet
    bus: Bus
    times: Times
    consent: Consent = always
    tls: Path | None = None
    """Folder of the head's certificate, which machines want to see; None while this head stays alone."""
