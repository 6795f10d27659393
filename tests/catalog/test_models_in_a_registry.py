"""What is read of a model before it is fetched: its manifest, and the first megabytes of one file."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from cluster_ai.catalog.gguf_remote import Known, Registry, read_manifest
from cluster_ai.catalog.shape import Shape
from cluster_ai.catalog.types import LIBRARY, ModelRef, RegistryDown, RegistryForbidden
from cluster_ai.core.errors import NotFound
from cluster_ai.engines.catalog import smollm_file
from cluster_ai.engines.gguf_check import BrokenModel
from tests.backend.running import Served
from tests.catalog.fake_library import FakeLibrary, digest_of
from tests.catalog.test_shapes import COMMON, header


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.fixture
def ask(served: Served, library: FakeLibrary) -> Callable[[Callable[[Registry], Awaitable[Any]]], Any]:
    url = served.start(library.app())

    def ask(work: Callable[[Registry], Awaitable[Any]]) -> Any:
        async def story() -> Any:
            async with aiohttp.ClientSession(trust_env=False) as session:
                return await work(Registry(session, (LIBRARY,), {LIBRARY: url}))

        return asyncio.run(story())

    return ask


Ask = Callable[[Callable[[Registry], Awaitable[Any]]], Any]


async def judged(registry: Registry) -> tuple[Known, Shape]:
    known = await registry.manifest(ModelRef.of("tiny:1b"))
    return known, await registry.shape(known)


def test_a_real_model_is_known_by_a_part_of_its_file(library: FakeLibrary, ask: Ask) -> None:
    raw = smollm_file().read_bytes()
    digest = library.add("tiny", "1b", raw)
    known, shape = ask(judged)
    assert (known.manifest.digest, len(shape.blocks), shape.context) == (digest, 30, 8192)
    assert known.size > len(raw)
    # Its header with the whole vocabulary; never the weights.
    assert all(int(asked.rpartition("-")[2]) < 8 * 1024 * 1024 for asked in library.ranges)
    assert library.served[digest_of(raw)] < len(raw) / 5


def test_weights_that_the_file_cannot_hold_are_refused(library: FakeLibrary, ask: Ask) -> None:
    library.add("tiny", "1b", header(b"llama", **COMMON)[:-200] + bytes(100))
    with pytest.raises(BrokenModel):
        ask(judged)


def test_a_name_that_leads_elsewhere_is_not_followed(ask: Ask) -> None:
    with pytest.raises(RegistryForbidden, match=r"evil\.test is not a registry"):
        ask(lambda registry: registry.manifest(ModelRef.of("evil.test/a/b:1")))


def test_what_is_not_there_and_what_is_no_answer(library: FakeLibrary, ask: Ask) -> None:
    with pytest.raises(NotFound, match="has no model tiny:1b"):
        ask(judged)
    library.manifests["library/tiny:1b"] = b"<html>"
    with pytest.raises(RegistryDown, match="no manifest"):
        ask(judged)
    library.status = 503
    with pytest.raises(RegistryDown, match="503"):
        ask(judged)


def test_blobs_that_are_moved_for_ever_end(library: FakeLibrary, ask: Ask) -> None:
    library.add("tiny", "1b", header(b"llama", **COMMON))
    library.moved = "/v2/library/tiny/blobs/elsewhere"
    with pytest.raises(RegistryDown, match="from place to place"):
        ask(judged)


def test_a_layer_is_counted_once_and_the_manifest_names_itself() -> None:
    row = {"digest": f"sha256:{'ab' * 32}", "size": 5, "mediaType": "x"}
    found = read_manifest(json.dumps({"layers": [row, row], "config": row}).encode())
    assert found.size == 5
    for wrong in ({**row, "digest": "sha256:../x"}, {**row, "size": -1}, {**row, "size": "5"}, {}):
        with pytest.raises(RegistryDown):
            read_manifest(json.dumps({"layers": [wrong], "config": row}).encode())


@pytest.mark.parametrize(
    ("name", "host", "path", "tag", "shown"),
    [
        ("llama3.2", LIBRARY, "library/llama3.2", "latest", "llama3.2:latest"),
        ("ana/mine:7b", LIBRARY, "ana/mine", "7b", "ana/mine:7b"),
        ("hf.co/bartowski/x-GGUF:Q4", "hf.co", "bartowski/x-GGUF", "Q4", "hf.co/bartowski/x-GGUF:Q4"),
        ("registry.ollama.ai/library/phi4:14b", LIBRARY, "library/phi4", "14b", "phi4:14b"),
    ],
)
def test_names_are_understood_as_nodes_do(name: str, host: str, path: str, tag: str, shown: str) -> None:
    ref = ModelRef.of(name)
    assert (ref.host, ref.path, ref.tag, str(ref)) == (host, path, tag, shown)
