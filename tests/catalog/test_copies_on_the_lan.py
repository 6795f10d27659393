"""One agent fetches from another: by range, at a bounded pace, checked, into a folder or through an engine's API."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cluster_ai.catalog.copying import FolderTarget, Giver, OllamaTarget, Target, copy
from cluster_ai.catalog.files import checked_host, models_folder
from cluster_ai.catalog.names import Door, Names
from cluster_ai.catalog.places import Step
from cluster_ai.catalog.shelf import Shelf
from cluster_ai.catalog.types import DiskTooSmall, PullFailed, WrongDigest
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.errors import InvalidInput, NotFound
from cluster_ai.engines.gguf_check import BrokenModel
from tests.catalog.conftest import Cluster, ended, wanted
from tests.catalog.fake_library import digest_of, noise
from tests.engines.gguf_bytes import model as gguf
from tests.engines.gguf_bytes import tensor, word

SIZE = 3 * 1024 * 1024
MODEL = noise(SIZE)


@pytest.fixture
def stocked(cluster: Cluster) -> Cluster:
    """Node a has the model."""
    cluster.library.add("tiny", "1b", MODEL)

    async def story(pulls: Any) -> None:
        await ended(pulls, (await pulls.create(wanted("tiny:1b", "a"), by="ana")).id)

    cluster.tell(story)
    return cluster


@asynccontextmanager
async def giver(cluster: Cluster, rate: float | None = None) -> AsyncIterator[Giver]:
    async with aiohttp.ClientSession(trust_env=False) as session:
        yield Giver(session, cluster.nodes["a"].url, rate=rate)


async def copied(cluster: Cluster, target: Target, rate: float | None = None) -> list[Step]:
    async with giver(cluster, rate) as there:
        return [step async for step in copy(there, "tiny:1b", target)]


def test_a_half_copied_blob_is_gone_on_with(stocked: Cluster) -> None:
    shelf = stocked.nodes["b"].shelf
    target = FolderTarget(shelf)
    target.draft(digest_of(MODEL)).write_bytes(MODEL[: SIZE // 2])
    steps = asyncio.run(copied(stocked, target))
    assert steps[-1].status == "success"
    assert shelf.blob(digest_of(MODEL)).read_bytes() == MODEL
    assert shelf.manifest("tiny:1b") == stocked.nodes["a"].shelf.manifest("tiny:1b")
    assert not target.draft(digest_of(MODEL)).exists()


def test_a_half_that_is_something_else_is_thrown_away(stocked: Cluster) -> None:
    target = FolderTarget(stocked.nodes["b"].shelf)
    target.draft(digest_of(MODEL)).write_bytes(noise(SIZE // 2, seed=99))
    with pytest.raises(WrongDigest):
        asyncio.run(copied(stocked, target))
    assert not target.draft(digest_of(MODEL)).exists()
    assert stocked.nodes["b"].holdings() == ()
    assert asyncio.run(copied(stocked, target))[-1].status == "success"


def test_a_file_whose_header_lies_never_reaches_the_engine(cluster: Cluster) -> None:
    lie = gguf(pairs=(word(b"general.architecture", b"llama"),), tensors=(tensor(b"a", (4096, 4096)),), data=64)
    cluster.library.add("tiny", "1b", lie)

    async def story(pulls: Any) -> None:
        await ended(pulls, (await pulls.create(wanted("tiny:1b", "a"), by="ana")).id)

    cluster.tell(story)
    target = FolderTarget(cluster.nodes["b"].shelf)
    with pytest.raises(BrokenModel, match="claim 67108864 bytes"):
        asyncio.run(copied(cluster, target))
    assert not target.draft(digest_of(lie)).exists()
    assert cluster.nodes["b"].holdings() == ()


def test_a_pace_is_kept(stocked: Cluster) -> None:
    began = time.monotonic()
    asyncio.run(copied(stocked, FolderTarget(stocked.nodes["b"].shelf), rate=3 * SIZE))
    assert time.monotonic() - began >= 0.25


def test_what_nobody_has_is_said(stocked: Cluster) -> None:
    async def story() -> None:
        async with giver(stocked) as there:
            async for _ in copy(there, "nothing:1b", FolderTarget(stocked.nodes["b"].shelf)):
                pass

    with pytest.raises(PullFailed, match="404"):
        asyncio.run(story())


def test_a_disk_without_room_gets_no_byte(stocked: Cluster, tmp_path: Path) -> None:
    huge = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{'ab' * 32}", "size": 2**62}
    body = json.dumps({"config": huge, "layers": []}).encode()
    path = stocked.nodes["a"].folder / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "1b"
    path.write_bytes(body)
    shelf = stocked.nodes["b"].shelf
    with pytest.raises(DiskTooSmall):
        asyncio.run(copied(stocked, FolderTarget(shelf)))
    assert stocked.nodes["b"].files() == set()


def test_an_engine_whose_folder_is_not_ours_gets_blobs_and_a_recipe(stocked: Cluster, tmp_path: Path) -> None:
    seen: dict[str, Any] = {"blobs": {}}

    async def blob(request: Request) -> Response:
        digest = request.path_params["digest"]
        if request.method == "HEAD":
            return Response(status_code=200 if digest in seen["blobs"] else 404)
        seen["blobs"][digest] = await request.body()
        return Response(status_code=201)

    async def create(request: Request) -> Response:
        seen["made"] = await request.json()
        return JSONResponse({"status": "success"})

    routes = [
        Route("/api/blobs/{digest}", blob, methods=["HEAD", "POST"]),
        Route("/api/create", create, methods=["POST"]),
    ]
    engine = stocked.served.start(Starlette(routes=routes), limits=Limits(body_bytes=2**30))

    async def story() -> list[Step]:
        async with aiohttp.ClientSession(trust_env=False) as session:
            return await copied(stocked, OllamaTarget(session, engine, tmp_path))

    assert asyncio.run(story())[-1].status == "success"
    assert seen["blobs"][digest_of(MODEL)] == MODEL
    assert seen["made"] == {
        "model": "tiny:1b",
        "stream": False,
        "files": {"model.gguf": digest_of(MODEL)},
        "template": "{{ .Prompt }}",
        "parameters": {"stop": ["<end>"]},
    }
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("sha256-")]


def test_a_model_without_all_its_blobs_is_not_installed(stocked: Cluster) -> None:
    shelf = stocked.nodes["b"].shelf
    with pytest.raises(NotFound, match="is missing"):
        shelf.install("tiny:1b", stocked.nodes["a"].shelf.manifest("tiny:1b"))
    assert stocked.nodes["b"].holdings() == ()


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha256:" + "A" * 64, "md5:1", "", "sha256:" + "a" * 65])
def test_what_is_no_digest_never_becomes_a_path(digest: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        Shelf(tmp_path).blob(digest)


@pytest.mark.parametrize("model", ["../x", "a/../../b:c", "x:../../y", "a/b/c/d/../e"])
def test_what_is_no_name_never_becomes_a_path(model: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        Shelf(tmp_path).manifest(model)


@pytest.mark.parametrize(
    "door",
    [
        Door("http://1.node.cluster.test:1", ("10.0.0.1",)),
        Door("https://1.node.cluster.test:1"),
        Door("https://evil.test:1", ("10.0.0.1",)),
        Door("https://cluster.test.evil.test", ("10.0.0.1",)),
        Door("https://1.node.cluster.test:1/path", ("10.0.0.1",)),
        Door("https://[", ("10.0.0.1",)),
    ],
)
def test_only_machines_of_the_cluster_are_asked(door: Door) -> None:
    with pytest.raises(InvalidInput):
        checked_host(door, "cluster.test")


def test_names_are_asked_of_nobody_else() -> None:
    names = Names(lambda: {"a.cluster.test": ("10.0.0.1", "evil.test", "fe80::1")})
    found = asyncio.run(names.resolve("a.cluster.test", 1))
    assert [row["host"] for row in found] == ["10.0.0.1", "fe80::1"]
    with pytest.raises(OSError, match="no address"):
        asyncio.run(names.resolve("example.com", 1))


def test_the_engines_folder_is_found(tmp_path: Path) -> None:
    assert models_folder({"OLLAMA_MODELS": "/srv/models"}) == Path("/srv/models")
    (tmp_path / ".ollama" / "models").mkdir(parents=True)
    assert models_folder({"HOME": str(tmp_path)}) == tmp_path / ".ollama" / "models"
