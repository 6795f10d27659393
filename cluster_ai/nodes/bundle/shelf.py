"""What the head has for machines: bundles, made when the first machine of a kind asks for one, kept in ``bundles``.

The caller runs ``Shelf.run`` beside its server and answers requests by ``Shelf.answer``.
"""

import asyncio
import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.core import files
from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import program, wheels
from cluster_ai.nodes.bundle.identity import environment_id, python_minor
from cluster_ai.nodes.bundle.manifest import BadBundle, File, Manifest, Target

log = structlog.get_logger(__name__)
MOST_WAITING: Final = 8
JSON: Final = "application/json"
RETRY_SECONDS: Final = 2
BACKOFF_SECONDS: Final = 30.0
"""After a failure the index is left alone for so long, however often machines ask."""
NO_HEADERS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one GET: either ``body``, or what stands in ``file`` from byte ``begin`` on (``size`` in all)."""

    status: int
    body: bytes = b""
    file: Path | None = None
    begin: int = 0
    size: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Bundle:
    """One target's. ``manifest`` is None while it is made; ``failed`` says why the last try did not work."""

    manifest: Manifest | None = None
    raw: bytes = b""
    signature: bytes = b""
    done: int = 0
    total: int = 0
    failed: str = ""
    again_at: float = 0.0
    paths: dict[str, Path] = field(default_factory=dict)


class Shelf:
    """Bundles by target.

    Args:
        folder: ``<home>/bundles``.
        root: of the program that is handed out.
        version: of it.
        sign: by the cluster's authority (ECDSA, SHA-256, DER).
    """

    def __init__(self, folder: Path, root: Path, *, version: str, sign: Callable[[bytes], bytes]) -> None:
        self._folder = folder
        self._root = root
        self._version = version
        self._sign = sign
        self._bundles: dict[Target, _Bundle] = {}
        self._asked: asyncio.Queue[Target] = asyncio.Queue(MOST_WAITING)
        self._environment = ""

    async def run(self) -> None:
        """Makes what is asked for, one after the other, until it is cancelled."""
        self._environment = await asyncio.to_thread(environment_id, self._root)
        while True:
            target = await self._asked.get()
            try:
                await self._make(target)
            except (ClusterError, OSError) as exc:
                bundle = self._bundles[target]
                bundle.failed = str(exc)
                bundle.again_at = asyncio.get_running_loop().time() + BACKOFF_SECONDS
                log.warning("no software for such machines", target=str(target), reason=str(exc))

    def answer(self, path: str, begin: int = 0) -> Answer:
        """To ``GET path``, which is ``/software`` or below it; ``begin`` is the first byte that is wanted."""
        first, _, name = path.removeprefix(words.PREFIX).strip("/").partition("/")
        if not first:
            return self._overview()
        try:
            bundle = self.want(Target.parse(first))
        except BadBundle as exc:
            return _problem(404, str(exc))
        if bundle is None:
            return _problem(503, "the head is busy preparing other software", {"Retry-After": str(RETRY_SECONDS)})
        return _part(bundle, name, begin) if bundle.manifest else _unready(bundle)

    def want(self, target: Target) -> _Bundle | None:
        """Its bundle, which is being made if it was not there; None when too many others are waited for."""
        bundle = self._bundles.get(target)
        if bundle is not None and not (bundle.failed and asyncio.get_running_loop().time() >= bundle.again_at):
            return bundle
        try:
            self._asked.put_nowait(target)
        except asyncio.QueueFull:
            return None
        self._bundles[target] = _Bundle()
        return self._bundles[target]

    def manifest(self, target: Target) -> Manifest | None:
        """What machines of that kind should run; None until it is made."""
        bundle = self._bundles.get(target)
        return bundle.manifest if bundle else None

    def _overview(self) -> Answer:
        told = {
            "version": self._version,
            "python": python_minor(),
            "environment": self._environment,
            "ready": sorted(str(target) for target, bundle in self._bundles.items() if bundle.manifest),
        }
        return Answer(200, json.dumps(told).encode(), headers={"Content-Type": JSON})

    async def _make(self, target: Target) -> None:
        bundle = self._bundles[target]

        def told(done: int, total: int) -> None:
            bundle.done, bundle.total = done, total

        environment = await asyncio.to_thread(
            environment_id, self._root, python=target.python, machine=target.architecture
        )
        folder = self._folder / "wheels" / environment
        await wheels.fill(folder, self._root, target, told)
        made = await asyncio.to_thread(self._listed, target, environment, folder)
        await asyncio.to_thread(_tidy, self._folder, made)
        bundle.raw = made.raw
        bundle.signature = made.signature
        bundle.paths = made.paths
        bundle.manifest = made.manifest

    def _listed(self, target: Target, environment: str, folder: Path) -> _Bundle:
        """The whole list, signed; the program's archive is written beside the wheels."""
        archive = program.packed(self._root)
        digest = hashlib.sha256(archive).hexdigest()
        path = self._folder / f"program-{digest}.tar.gz"
        _write(path, archive)
        paths = {words.PROGRAM: path} | {f"{words.WHEELS}{one.name}": one for one in sorted(folder.glob("*.whl"))}
        manifest = Manifest(
            name=f"{self._version}+{digest[:8]}-{environment}",
            version=self._version,
            environment=environment,
            python=target.python,
            architecture=target.architecture,
            files=tuple(_described(name, path) for name, path in paths.items()),
        )
        raw = manifest.to_bytes()
        return _Bundle(manifest=manifest, raw=raw, signature=base64.b64encode(self._sign(raw)), paths=paths)


def _unready(bundle: _Bundle) -> Answer:
    if bundle.failed:
        return _problem(502, bundle.failed)
    said = f"the head is preparing the software: {bundle.done} of {bundle.total} packages"
    return _problem(503, said, {"Retry-After": str(RETRY_SECONDS)})


def _part(bundle: _Bundle, name: str, begin: int) -> Answer:
    if name == words.MANIFEST:
        return Answer(200, bundle.raw, headers={"Content-Type": JSON})
    if name == words.SIGNATURE:
        return Answer(200, bundle.signature, headers={"Content-Type": "text/plain"})
    path = bundle.paths.get(name)
    if path is None or bundle.manifest is None:
        return _problem(404, "the bundle has no such file")
    size = next(file.size for file in bundle.manifest.files if file.name == name)
    if begin >= size > 0:
        return _problem(416, "the file is shorter", {"Content-Range": f"bytes */{size}"})
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size - begin)}
    if not begin:
        return Answer(200, file=path, size=size, headers=headers)
    headers["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
    return Answer(206, file=path, begin=begin, size=size, headers=headers)


def _problem(status: int, detail: str, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    body = json.dumps({"status": status, "detail": detail}).encode()
    return Answer(status, body, headers={"Content-Type": "application/problem+json", **headers})


def _described(name: str, path: Path) -> File:
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return File(name=name, size=path.stat().st_size, sha256=digest)


def _tidy(folder: Path, made: _Bundle) -> None:
    """Removes what earlier versions of this program had: no machine asks for it any more."""
    for path in folder.glob("program-*.tar.gz"):
        if path != made.paths[words.PROGRAM]:
            path.unlink(missing_ok=True)
    locks = made.manifest.environment.split("-", 1)[0] if made.manifest else ""
    for path in (folder / "wheels").glob("*"):
        if not path.name.startswith((locks, ".")):
            shutil.rmtree(path, ignore_errors=True)


def _write(path: Path, contents: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(path, contents, mode=0o644)
