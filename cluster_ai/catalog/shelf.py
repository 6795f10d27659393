"""The files of models in a folder, laid out as Ollama lays them out, so that one copy can be read and written.

``manifests/HOST/OWNER/NAME/TAG`` names the blobs, ``blobs/sha256-HEX`` holds them. A model is there when its manifest
is; blobs come first, so nothing is ever half-installed. Every function blocks.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from cluster_ai.catalog.types import ModelRef, WrongDigest
from cluster_ai.core import files
from cluster_ai.core.errors import InvalidInput, NotFound, Unavailable
from cluster_ai.core.wire import parse_object

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST_MANIFEST: Final = 4 * 1024 * 1024
PARTIAL: Final = "-copy"
"""End of the name of a blob that is on its way; no digest ends so."""
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of models. It need not be there to be asked."""

    folder: Path

    @property
    def writable(self) -> bool:
        """Whether this user may put models there."""
        return all(os.access(self.folder / name, os.W_OK | os.X_OK) for name in ("blobs", "manifests"))

    @property
    def readable(self) -> bool:
        return all(os.access(self.folder / name, os.R_OK | os.X_OK) for name in ("blobs", "manifests"))

    def manifest(self, model: str) -> bytes:
        """The manifest's bytes.

        Raises:
            NotFound: the model is not here, or may not be read.
        """
        path = self._manifest(ModelRef.of(model))
        try:
            with path.open("rb") as file:
                return file.read(LONGEST_MANIFEST)
        except OSError as exc:
            raise NotFound(f"{model} is not in {self.folder}", values={"about": "model", "name": model}) from exc

    def blob(self, digest: str) -> Path:
        """Where a blob lies, or would.

        Raises:
            InvalidInput: that is no digest; it would become a path.
        """
        if not DIGEST.fullmatch(digest):
            raise InvalidInput("a blob is named sha256: and 64 hexadecimal digits in lower case")
        return self.folder / "blobs" / digest.replace(":", "-")

    def has(self, digest: str, size: int) -> bool:
        try:
            return self.blob(digest).stat().st_size == size
        except OSError:
            return False

    def open_blob(self, digest: str) -> tuple[BinaryIO, int]:
        """An open blob and its size.

        Raises:
            NotFound: it is not here.
        """
        try:
            file = self.blob(digest).open("rb", buffering=0)
        except OSError as exc:
            raise NotFound(f"there is no blob {digest[:19]} here") from exc
        return file, os.fstat(file.fileno()).st_size

    def install(self, model: str, manifest: bytes) -> None:
        """Makes the model be there: all its blobs are.

        Raises:
            NotFound: a blob is missing.
            Unavailable: the disk does not take it.
        """
        for row in rows_of(manifest):
            if not self.has(row["digest"], row["size"]):
                raise NotFound(f"the blob {row['digest'][:19]} is missing")
        path = self._manifest(ModelRef.of(model))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Ollama may run as another user.
            files.replace(path, manifest, mode=0o644)
        except OSError as exc:
            raise Unavailable(f"{model} cannot be written: {exc.strerror or exc}") from exc

    def purge(self, digests: tuple[str, ...]) -> int:
        """Removes what unfinished pulls and copies left of those blobs; bytes that were freed.

        Whole blobs stay: another model may have them, and Ollama removes those that none has.
        """
        freed = 0
        for digest in digests:
            blob = self.blob(digest)
            for path in blob.parent.glob(f"{blob.name}-*"):
                size = path.lstat().st_blocks * 512
                path.unlink(missing_ok=True)
                freed += size
        return freed

    def _manifest(self, ref: ModelRef) -> Path:
        parts = [ref.host.replace(":", "_"), *ref.path.split("/"), ref.tag]
        if not all(_PART.fullmatch(part) for part in parts):
            raise InvalidInput("that is not the name of a model")
        return Path(self.folder, "manifests", *parts)


def rows_of(manifest: bytes) -> list[dict[str, Any]]:
    """The blobs that a manifest names, each once, the small ones first: a refusal comes before gigabytes.

    Raises:
        InvalidInput: it is no manifest.
    """
    fields = parse_object(manifest)
    try:
        rows = {row["digest"]: row for row in [*fields["layers"], fields["config"]]}
        for digest, row in rows.items():
            if not DIGEST.fullmatch(digest) or isinstance(row["size"], bool) or not 0 <= int(row["size"]) < 2**63:
                raise InvalidInput("a layer of the manifest cannot be")
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidInput("that is no manifest") from exc
    return sorted(rows.values(), key=lambda row: row["size"])


def check_digest(path: Path, digest: str) -> None:
    """Reads the whole file.

    Raises:
        WrongDigest: it is something else; it was removed.
    """
    with path.open("rb", buffering=0) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if f"sha256:{found}" != digest:
        path.unlink()
        raise WrongDigest(f"a blob came as {found[:12]} and should be {digest[7:19]}")


def description(manifest: bytes, read: Any) -> dict[str, Any]:
    """What ``/api/create`` needs to make the model from its blobs; ``read`` answers the text of a small one."""
    kinds = {row.get("mediaType", "").rpartition(".")[2]: row["digest"] for row in rows_of(manifest)}
    files = {f"{kind}.gguf": kinds[kind] for kind in ("model", "projector") if kind in kinds}
    made: dict[str, Any] = {"files": files}
    made |= {name: read(kinds[name]) for name in ("template", "system", "license") if name in kinds}
    if "adapter" in kinds:
        made["adapters"] = {"adapter.gguf": kinds["adapter"]}
    if "params" in kinds:
        made["parameters"] = json.loads(read(kinds["params"]))
    return made
