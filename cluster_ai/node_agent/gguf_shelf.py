"""The embedded node's models as Ollama would keep them, for machines that copy from this one.

The node serves bare GGUF files. What Ollama keeps beside such a file, its manifest and a few words about it, is made
here when somebody asks; it is the same every time, so that its digest can be relied on.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cluster_ai.catalog.shelf import Shelf
from cluster_ai.core.errors import NotFound, Unsupported
from cluster_ai.core.wire import dump_json
from cluster_ai.engines.known_files import WHOLE, Known, Stamp, remembered
from cluster_ai.nodes.types import LocalModel

PAGE: Final = ".known.json"
_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
_MODEL: Final = "application/vnd.ollama.image.model"


@dataclass(frozen=True, slots=True)
class GgufShelf(Shelf):
    """``folder`` is the node's own, ``models`` as the node lists them. Read only; its methods block."""

    models: tuple[LocalModel, ...] = ()

    @property
    def writable(self) -> bool:
        return False

    def manifest(self, model: str) -> bytes:
        """As ``Shelf.manifest``.

        Raises:
            NotFound: the node does not serve it.
            Unsupported: the file is so large that its digest was never taken whole.
        """
        wanted = _full(model)
        digest = next((one.digest for one in self.models if _full(one.name) == wanted), None)
        for known in (found for _, found in self._served() if found.digest == digest):
            if known.stamp.size > WHOLE:
                raise Unsupported(f"{model} is larger than {WHOLE >> 30} GiB: its digest is not known", hint="pull it")
            return _manifest(known)
        raise NotFound(f"the node of this machine has no {model}", values={"about": "model", "name": model})

    def open_blob(self, digest: str) -> tuple[BinaryIO, int]:
        """As ``Shelf.open_blob``."""
        wanted = self.blob(digest).name.removeprefix("sha256-")
        for path, known in self._served():
            if known.digest == wanted and known.stamp.size <= WHOLE:
                return path.open("rb", buffering=0), known.stamp.size
            words = _config(known)
            if _sha256(words) == wanted:
                return io.BytesIO(words), len(words)
        raise NotFound(f"there is no blob {digest[:19]} here")

    def _served(self) -> Iterator[tuple[Path, Known]]:
        """Files of models that the node serves and that nobody has changed since it read them."""
        served = {model.digest for model in self.models}
        for name, known in remembered(self.folder / PAGE).items():
            if known.digest in served and _is_as_it_was(Path(name), known):
                yield Path(name), known


def _is_as_it_was(path: Path, known: Known) -> bool:
    try:
        return Stamp.of(path) == known.stamp
    except OSError:
        return False


def _config(known: Known) -> bytes:
    """What Ollama writes about a model that it made from a GGUF file."""
    facts = known.facts
    said = {
        "model_format": "gguf",
        "model_family": facts.architecture,
        "model_families": [facts.architecture],
        "model_type": facts.size_label,
        "file_type": facts.quantization,
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{known.digest}"]},
    }
    return dump_json(said)


def _manifest(known: Known) -> bytes:
    words = _config(known)
    return dump_json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": f"sha256:{_sha256(words)}", "size": len(words)},
            "layers": [{"mediaType": _MODEL, "digest": f"sha256:{known.digest}", "size": known.stamp.size}],
        }
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _full(name: str) -> str:
    """With its tag, as names are compared."""
    return (name if ":" in name.rpartition("/")[2] else f"{name}:latest").casefold()
