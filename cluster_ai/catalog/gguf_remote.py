"""A model in a registry, before it is fetched: its layers from the manifest, its shape from the head of its file.

The protocol is that of Ollama's library (Docker Registry v2): ``/v2/NAME/manifests/TAG`` and ``/v2/NAME/blobs/DIGEST``,
the latter by byte ranges and often from another host. Only registries that the settings list are asked.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from yarl import URL

from cluster_ai.catalog.gguf import HeaderReader
from cluster_ai.catalog.shape import Shape, shape_of
from cluster_ai.catalog.types import Layer, Manifest, ModelRef, RegistryDown, RegistryForbidden
from cluster_ai.core.errors import ClusterError, InvalidInput, NotFound
from cluster_ai.core.wire import parse_object
from cluster_ai.engines.gguf_check import MAX_HEADER, BrokenModel

MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
MODEL: Final = "application/vnd.ollama.image.model"
PROJECTOR: Final = "application/vnd.ollama.image.projector"
LONGEST_MANIFEST: Final = 4 * 1024 * 1024
ANSWER_SECONDS: Final = 15.0
HEADER_SECONDS: Final = 120.0
_WINDOW: Final = 4 * 1024 * 1024
_PIECE: Final = 64 * 1024
_MOST_LAYERS: Final = 4096
_REDIRECTS: Final = 4
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Known:
    """A model as its registry describes it. ``size`` is what a pull fetches, in bytes."""

    ref: ModelRef
    manifest: Manifest

    @property
    def size(self) -> int:
        return self.manifest.size


@dataclass(frozen=True, slots=True)
class Registry:
    """Reads from the registries in ``allowed``; ``bases`` gives the address of one that has no HTTPS of its own."""

    session: aiohttp.ClientSession
    allowed: tuple[str, ...]
    bases: Mapping[str, str] = field(default_factory=dict)

    async def manifest(self, ref: ModelRef) -> Known:
        """The model's layers.

        Raises:
            NotFound: the registry does not have it.
            RegistryForbidden: the name leads to a registry that nobody allowed.
            RegistryDown: it does not answer, or not as a registry does.
        """
        url = self._base(ref) / "v2" / ref.path / "manifests" / ref.tag
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._get(url, {"Accept": MANIFEST}) as answer,
            ):
                if answer.status == HTTPStatus.NOT_FOUND:
                    values = {"about": "registry_model", "name": str(ref)}
                    raise NotFound(f"{ref.host} has no model {ref}", values=values)
                _check(answer, (HTTPStatus.OK,))
                body = await _bounded(answer, LONGEST_MANIFEST)
        except (aiohttp.ClientError, OSError) as exc:
            raise _down(ref.host, exc) from exc
        return Known(ref, read_manifest(body))

    async def shape(self, known: Known) -> Shape:
        """The shape of the model, from the first megabytes of its file.

        Raises:
            BrokenModel: its header claims what cannot be true.
            RegistryDown: as ``manifest``.
        """
        model = known.manifest.layer(MODEL)
        if model is None:
            raise BrokenModel(f"{known.ref} has no GGUF file")
        projector = sum(layer.size for layer in known.manifest.layers if layer.kind == PROJECTOR)
        url = self._base(known.ref) / "v2" / known.ref.path / "blobs" / model.digest
        try:
            async with asyncio.timeout(HEADER_SECONDS):
                header = await self._header(url, model.size)
        except (aiohttp.ClientError, OSError) as exc:
            raise _down(known.ref.host, exc) from exc
        shape = await asyncio.to_thread(shape_of, header, projector=projector)
        if shape.weights > model.size:
            raise BrokenModel(f"it claims {shape.weights} bytes of weights in a file of {model.size}")
        return shape

    async def _header(self, url: URL, size: int) -> Any:
        reader, at = HeaderReader(), 0
        while at < min(size, MAX_HEADER):
            headers = {"Range": f"bytes={at}-{min(at + _WINDOW, size) - 1}"}
            async with self._get(url, headers) as answer:
                _check(answer, (HTTPStatus.PARTIAL_CONTENT,) if at else (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.OK))
                before = at
                async for piece in answer.content.iter_chunked(_PIECE):
                    at += len(piece)
                    # Off the loop: a vocabulary takes milliseconds a piece.
                    if await asyncio.to_thread(reader.feed, piece):
                        # The rest of the answer is not wanted: closed, not read to its end.
                        answer.close()
                        return reader.header
            if at == before:
                break
        raise BrokenModel("the file ends in its header")

    @asynccontextmanager
    async def _get(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is no redirection. Blobs lie elsewhere, but never behind an address without TLS."""
        safe = url.scheme == "https"
        for _ in range(_REDIRECTS):
            async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status not in _MOVED:
                    yield answer
                    return
                url = answer.url.join(URL(answer.headers.get("Location", "")))
            if url.scheme != "https" and safe:
                raise RegistryDown(f"the registry leads to {url.host} without TLS")
        raise RegistryDown(f"the registry leads from place to place ({url.host})")

    def _base(self, ref: ModelRef) -> URL:
        if ref.host.casefold() not in {name.casefold() for name in self.allowed}:
            known = ", ".join(self.allowed) or "none"
            raise RegistryForbidden(
                f"{ref.host[:100]} is not a registry that this cluster uses",
                hint=f"gateway.registries allows: {known}",
                values={"host": ref.host[:100]},
            )
        return URL(self.bases.get(ref.host, f"https://{ref.host}"))


def read_manifest(body: bytes) -> Manifest:
    """The manifest in ``body``, named by the digest of its bytes, as nodes name models.

    Raises:
        RegistryDown: it is none.
    """
    try:
        fields = parse_object(body)
        rows = [*fields["layers"], fields["config"]]
        if len(rows) > _MOST_LAYERS:
            raise RegistryDown(f"the manifest has {len(rows)} layers")
        layers = tuple(Layer(digest=row["digest"], size=row["size"], kind=row.get("mediaType", "")) for row in rows)
    except (InvalidInput, KeyError, TypeError, ValueError) as exc:
        raise RegistryDown("the registry's answer is no manifest") from exc
    return Manifest(digest=hashlib.sha256(body).hexdigest(), layers=layers)


def _check(answer: aiohttp.ClientResponse, good: tuple[int, ...]) -> None:
    if answer.status not in good:
        raise RegistryDown(f"{answer.url.host} answered {answer.status}")


async def _bounded(answer: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE):
        body += piece
        if len(body) > most:
            raise RegistryDown(f"the manifest is larger than {most} bytes")
    return bytes(body)


def _down(host: str, exc: Exception) -> ClusterError:
    return RegistryDown(f"{host} does not answer: {(str(exc) or type(exc).__name__)[:200]}")
