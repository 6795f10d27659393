"""Where the files of Ollama's models lie on this machine, and whether this user may read them."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from cluster_ai.core.bodies import read_whole
from cluster_ai.core.errors import Forbidden, InvalidInput, NotFound
from cluster_ai.core.wire import parse_object
from cluster_ai.nodes.sensors.tree import Tree

VARIABLE: Final = "OLLAMA_MODELS"
USUAL: Final = (
    "/usr/share/ollama/.ollama/models",
    "/var/lib/ollama/models",
    "/var/lib/ollama/.ollama/models",
    "/var/snap/ollama/common/models",
)
"""Of Ollama as a service: its own installer, packages of distributions, snap."""
UNITS: Final = "/etc/systemd/system"
LARGEST: Final = 4 * 1024 * 1024
ASK_SECONDS: Final = 3.0
_IN_UNIT: Final = re.compile(rf"^\s*Environment=.*?{VARIABLE}=([^\"'\n]+)", re.MULTILINE)
_FROM: Final = re.compile(r"^FROM (/.+)/blobs/sha256-[0-9a-f]{64}\s*$", re.MULTILINE)
_OK: Final = 200


class ModelsUnreadable(Forbidden):
    """The files are there, and another user's."""

    code = "models_unreadable"


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of this machine before its Ollama is asked."""

    env: Mapping[str, str]
    user_home: Path
    tree: Tree

    def candidates(self) -> Iterator[Path]:
        """Folders in which they may lie, the likeliest first."""
        if named := self.env.get(VARIABLE):
            yield Path(named)
        yield from self._in_units()
        yield self.user_home / ".ollama" / "models"
        yield from (self.tree.path(path) for path in USUAL)

    def _in_units(self) -> Iterator[Path]:
        """As somebody set it for the service."""
        extra = f"{UNITS}/ollama.service.d"
        paths = [f"{extra}/{name}" for name in reversed(self.tree.names(extra, r".*\.conf"))]
        for path in (*paths, f"{UNITS}/ollama.service"):
            for found in reversed(_IN_UNIT.findall(self.tree.text(path) or "")):
                yield self.tree.path(found.strip())


def in_modelfile(text: str) -> Path | None:
    """The folder that Ollama itself names when it shows a model; None when the model lies elsewhere."""
    found = _FROM.search(text)
    return Path(found[1]) if found else None


async def asked_of(session: aiohttp.ClientSession, url: str, model: str) -> Path | None:
    """The folder, from the Ollama at ``url`` that has ``model``; None when it does not say."""
    limits = aiohttp.ClientTimeout(total=ASK_SECONDS)
    try:
        async with session.post(
            f"{url}/api/show", json={"model": model}, timeout=limits, allow_redirects=False
        ) as told:
            text = await read_whole(told.content, LARGEST)
            if told.status != _OK:
                return None
        return in_modelfile(str(parse_object(text).get("modelfile", "")))
    except (TimeoutError, aiohttp.ClientError, OSError, InvalidInput):
        return None


def models_folder(told: Path | None, place: Place) -> Path:
    """The folder with ``blobs`` and ``manifests``. Blocks. ``told``: by Ollama itself, which knows best.

    Raises:
        ModelsUnreadable: it is another user's.
        NotFound: there is none.
    """
    closed: Path | None = None
    for folder in (told,) if told is not None else place.candidates():
        match _how(folder):
            case "open":
                return folder
            case "closed":
                closed = closed or folder
            case _:
                pass
    if closed is not None:
        raise ModelsUnreadable(
            f"the models in {closed} are another user's, and this one may not read them",
            hint=f"there: sudo usermod -aG ollama {_user()} && sudo chmod -R g+rX {closed}, then restart the agent",
        )
    raise NotFound(
        "no folder with Ollama's models was found on this machine", hint=f"set {VARIABLE} for the agent, too"
    )


def ollamas_folder() -> Path | None:
    """Where an Ollama of this machine keeps its models, as far as can be seen without asking it. Blocks."""
    try:
        return models_folder(None, Place(os.environ, Path.home(), Tree()))
    except (NotFound, ModelsUnreadable):
        return None


def _how(folder: Path) -> str:
    """``open``, ``closed`` or ``absent``; what cannot be looked into counts as closed when its path leads somewhere."""
    try:
        parts = [folder / name for name in ("blobs", "manifests")]
        if all(os.access(part, os.R_OK | os.X_OK, effective_ids=True) for part in parts):
            return "open"
        return "closed" if any(part.exists() for part in parts) else "absent"
    except PermissionError:
        return "closed"


def _user() -> str:
    return os.environ.get("USER") or f"'#{os.geteuid()}'"
