"""A model from another machine of the cluster: this machine's agent fetches it there and gives it to its own engine.

The other agent answers ``/-/models/NAME`` (the manifest) and ``/-/blobs/DIGEST`` (with ranges). What came so far is
kept in a file beside the blobs, so that the next try goes on from there; each blob is read once more and compared with
its digest before it counts.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import quote

import aiohttp

from cluster_ai.catalog.gguf import read_header
from cluster_ai.catalog.places import Step
from cluster_ai.catalog.shelf import PARTIAL, Shelf, check_digest, description, rows_of
from cluster_ai.catalog.types import DiskTooSmall, NodeCut, PullFailed
from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.wire import dump_json
from cluster_ai.engines.gguf_check import MAGIC, BrokenModel

SILENCE_SECONDS: Final = 30.0
TELL_SECONDS: Final = 0.5
LET_GO_SECONDS: Final = 10.0
SPARE_DISK: Final = 64 * 1024 * 1024
MODEL: Final = "application/vnd.ollama.image.model"
_PIECE: Final = 1024 * 1024
_LIMITS: Final = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SILENCE_SECONDS)


class Target(Protocol):
    """This machine's engine, as a place to put blobs."""

    async def has(self, digest: str, size: int) -> bool: ...

    def draft(self, digest: str) -> Path:
        """Where the blob grows."""
        ...

    async def take(self, digest: str, draft: Path) -> None:
        """A whole blob, checked."""
        ...

    async def install(self, model: str, manifest: bytes) -> None:
        """All blobs are there: the model is to be."""
        ...


@dataclass(frozen=True, slots=True)
class Giver:
    """The agent that has the model. ``rate`` in bytes a second, None for as fast as it goes."""

    session: aiohttp.ClientSession
    url: str
    rate: float | None = None
    clock: Clock = time.monotonic


async def copy(giver: Giver, model: str, target: Target) -> AsyncGenerator[Step]:
    """Brings ``model`` to ``target``; ends with ``success``.

    Raises:
        NodeCut: the other machine is gone; what came is kept.
        WrongDigest: it gave something else.
        DiskTooSmall: it does not fit here; nothing was fetched.
    """
    try:
        yield Step("reading the manifest")
        manifest = await _manifest(giver, model)
        rows = rows_of(manifest)
        await _refuse_full_disk(target, rows)
        for row in rows:
            async for step in _blob(giver, target, row):
                yield step
        yield Step("writing the manifest")
        await target.install(model, manifest)
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise NodeCut(f"the copy broke off: {(str(exc) or type(exc).__name__)[:200]}") from exc
    except OSError as exc:
        raise PullFailed(f"it cannot be written: {exc.strerror or exc}") from exc
    yield Step("success")


async def _manifest(giver: Giver, model: str) -> bytes:
    async with giver.session.get(f"{giver.url}/-/models/{quote(model, safe='/:')}", timeout=_LIMITS) as answer:
        if answer.status != HTTPStatus.OK:
            raise PullFailed(f"it has no {model} to give ({answer.status})")
        return await answer.read()


async def _refuse_full_disk(target: Target, rows: list[dict[str, Any]]) -> None:
    lacking = [row for row in rows if not await target.has(row["digest"], row["size"])]
    if not lacking:
        return

    def look() -> tuple[int, int]:
        drafts = [target.draft(row["digest"]) for row in lacking]
        there = sum(draft.stat().st_size for draft in drafts if draft.exists())
        seen = os.statvfs(drafts[0].parent)
        return sum(row["size"] for row in lacking) - there, seen.f_bavail * seen.f_frsize

    needed, free = await asyncio.to_thread(look)
    if needed + SPARE_DISK > free:
        raise DiskTooSmall(f"{needed >> 20} MiB to fetch, {free >> 20} MiB are free")


async def _blob(giver: Giver, target: Target, row: Mapping[str, Any]) -> AsyncIterator[Step]:
    digest, size = str(row["digest"]), int(row["size"])
    status = f"copying {digest[7:19]}"
    if await target.has(digest, size):
        yield Step(status, digest, size, size)
        return
    draft = target.draft(digest)
    told = giver.clock()
    async for have in _fetched(giver, draft, digest, size):
        if giver.clock() - told >= TELL_SECONDS:
            told = giver.clock()
            yield Step(status, digest, size, have)
    await asyncio.to_thread(check_digest, draft, digest)
    if row.get("mediaType") == MODEL:
        await asyncio.to_thread(_refuse_broken, draft)
    await target.take(digest, draft)
    yield Step(status, digest, size, size)


def _refuse_broken(draft: Path) -> None:
    """Looks before the engine does: loaders have been made to read beyond files whose headers lie.

    Raises:
        BrokenModel: its tensors are larger than the file, or its header cannot be.
    """
    with draft.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
    try:
        claimed = sum(tensor.size for tensor in read_header(draft).tensors)
    except BrokenModel:
        draft.unlink()
        raise
    if claimed > (size := draft.stat().st_size):
        draft.unlink()
        raise BrokenModel(f"its tensors claim {claimed} bytes in a file of {size}")


async def _fetched(giver: Giver, draft: Path, digest: str, size: int) -> AsyncIterator[int]:
    """Lengthens ``draft`` to the whole blob; the bytes that it has, again and again."""
    file = await asyncio.to_thread(draft.open, "ab")
    try:
        await _alone(giver, file)
        have = file.tell()
        if have > size:
            await _whole(file.truncate, 0)
            have = 0
        if have == size:
            return
        headers = {"Range": f"bytes={have}-"}
        async with giver.session.get(f"{giver.url}/-/blobs/{digest}", headers=headers, timeout=_LIMITS) as answer:
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise PullFailed(f"it does not give the blob {digest[7:19]} ({answer.status})")
            began, first = giver.clock(), have
            async for piece in answer.content.iter_chunked(_PIECE):
                if have + len(piece) > size:
                    raise PullFailed(f"the blob {digest[7:19]} is longer than its manifest says")
                await _whole(_put, file, piece)
                have += len(piece)
                yield have
                await _hold_back(giver, have - first, began)
        if have < size:
            raise NodeCut(f"the blob {digest[7:19]} ended after {have} of {size} bytes")
        await _whole(os.fsync, file.fileno())
    finally:
        file.close()


async def _alone(giver: Giver, file: BinaryIO) -> None:
    """Waits until an earlier copy of the same blob, which was told to stop, has let go of the file."""
    deadline = giver.clock() + LET_GO_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if giver.clock() > deadline:
                raise NodeCut("another copy of the same model is under way") from exc
            await asyncio.sleep(0.1)
        else:
            return


def _put(file: BinaryIO, piece: bytes) -> None:
    file.write(piece)
    file.flush()


async def _whole(work: Callable[..., object], *given: object) -> None:
    """Work in a thread that is over when this is, also when it is cancelled: the file is closed after it."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *given))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _hold_back(giver: Giver, sent: int, began: float) -> None:
    if giver.rate is not None and (ahead := sent / giver.rate - (giver.clock() - began)) > 0:
        await asyncio.sleep(ahead)


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """Straight into the engine's folder: the model keeps its digest."""

    shelf: Shelf

    async def has(self, digest: str, size: int) -> bool:
        return await asyncio.to_thread(self.shelf.has, digest, size)

    def draft(self, digest: str) -> Path:
        blob = self.shelf.blob(digest)
        return blob.with_name(blob.name + PARTIAL)

    async def take(self, digest: str, draft: Path) -> None:
        await asyncio.to_thread(draft.replace, self.shelf.blob(digest))

    async def install(self, model: str, manifest: bytes) -> None:
        await asyncio.to_thread(self.shelf.install, model, manifest)


@dataclass(frozen=True, slots=True)
class OllamaTarget:
    """Through Ollama's API, where its folder belongs to another user. The model gets a digest of its own."""

    session: aiohttp.ClientSession
    url: str
    scratch: Path

    async def has(self, digest: str, size: int) -> bool:
        async with self.session.head(f"{self.url}/api/blobs/{digest}") as answer:
            # A small one is fetched all the same: what it says is asked for at the end.
            return answer.status == HTTPStatus.OK and size > _PIECE

    def draft(self, digest: str) -> Path:
        return self.scratch / digest.replace(":", "-")

    async def take(self, digest: str, draft: Path) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            with draft.open("rb", buffering=0) as file:
                while piece := await asyncio.to_thread(file.read, _PIECE):
                    yield piece

        size = (await asyncio.to_thread(draft.stat)).st_size
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        url = f"{self.url}/api/blobs/{digest}"
        async with self.session.post(url, data=pieces(), headers=headers, timeout=_LIMITS) as answer:
            if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
                raise PullFailed(f"the engine does not take the blob: {(await answer.text())[:200]}")
        if size > _PIECE:
            await asyncio.to_thread(draft.unlink)

    async def install(self, model: str, manifest: bytes) -> None:
        def read(digest: str) -> str:
            return self.draft(digest).read_text(encoding="utf-8", errors="replace")

        body = await asyncio.to_thread(description, manifest, read)
        sent = dump_json({"model": model, "stream": False, **body})
        limits = aiohttp.ClientTimeout(total=900.0)
        url = f"{self.url}/api/create"
        async with self.session.post(
            url, data=sent, headers={"Content-Type": "application/json"}, timeout=limits
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise Unavailable(f"the engine does not make the model: {(await answer.text())[:200]}")
        for row in rows_of(manifest):
            await asyncio.to_thread(self.draft(row["digest"]).unlink, missing_ok=True)
