"""The catalog as people reach it: over HTTP, and by the verbs of the command line, against nodes that are really there."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from backend.catalog_config import CatalogConfig
from backend.live import EVENTS
from cluster_ai.catalog.types import LIBRARY
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.gateway.types import ModelView
from tests.backend.running import Api, running_api
from tests.backend.world import upstream
from tests.catalog.fake_library import FakeLibrary, noise
from tests.catalog.fake_node import FakeNode
from tests.cli.calling import cli as called
from tests.cli.calling import environment
from tests.engines.gguf_bytes import model as gguf
from tests.engines.gguf_bytes import pair, tensor, word
from tests.waiting import until

SIZE = 200_000


@dataclass
class Around:
    api: Api
    library: FakeLibrary
    nodes: tuple[FakeNode, ...]

    def look(self) -> None:
        """The gateway's probe and the API's tick, now."""
        views = tuple(upstream(node.name, node.url, models=self.models(node)) for node in self.nodes)
        self.api.world.gateway = self.api.world.gateway.model_copy(update={"upstreams": views})
        self.api.tick()

    def models(self, node: FakeNode) -> tuple[ModelView, ...]:
        return tuple(
            ModelView(name=name, digest=held.digest, size=held.size, loaded=held.loaded)
            for name, held in node.holdings()
        )

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        with self.api.local() as client:
            answer = client.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def cli(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        self.api.home.internal_token.write_text(self.api.token_here)
        self.api.home.internal_token.chmod(0o600)
        env = environment(self.api.home.root, CLUSTER_AI_PORTS__BACKEND=str(self.api.port), CLUSTER_AI_LANG="en")
        return called("model", *words, env=env | more)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    folder = tmp_path_factory.mktemp("catalog")
    library = FakeLibrary()
    # The library's address must be known before the API starts, which brings the loop that both live on.
    (folder / "home" / "models.d").mkdir(parents=True)
    config = CatalogConfig(users=folder / "home" / "models.d", bases=LateBases())
    with running_api(folder / "home", catalog=config) as api:
        url = api.served.start(library.app())
        config.bases[LIBRARY] = url  # type: ignore[index]
        nodes = tuple(FakeNode(name, folder / name, url) for name in ("one", "two"))
        for node in nodes:
            node.url = api.served.start(node, limits=Limits(body_bytes=2**30))
        made = Around(api, library, nodes)
        made.look()
        yield made


class LateBases(dict[str, str]):
    """Addresses that become known after the room was opened."""


def ended(around: Around, pull_id: str) -> Any:
    def look() -> Any:
        around.look()
        seen = around.ask("GET", f"/pulls/{pull_id}")
        return seen if seen["state"] in {"done", "failed", "cancelled"} else None

    seen = until(look, seconds=20, what="the pull has ended")
    around.look()
    return seen


def test_a_pull_is_begun_followed_and_forgotten(around: Around) -> None:
    around.library.add("first", "1b", noise(SIZE))
    begun = around.ask("POST", "/pulls", {"model": "first:1b"}, status=201)
    assert {part["node"] for part in begun["parts"]} == {"one", "two"}
    seen = ended(around, begun["id"])
    assert (seen["state"], seen["by"]) == ("done", "local")
    assert around.ask("GET", "/pulls")["items"][0]["model"] == "first:1b"
    around.ask("DELETE", f"/pulls/{begun['id']}", status=204)
    around.ask("GET", f"/pulls/{begun['id']}", status=404)


def test_what_cannot_be_is_refused(around: Around) -> None:
    assert around.ask("POST", "/pulls", {"model": "nobody:1b"}, status=404)["code"] == "not_found"
    assert around.ask("POST", "/pulls", {"model": "evil.test/a/b"}, status=403)["code"] == "registry_refused"
    around.ask("POST", "/pulls", {"model": "first:1b", "nodes": ["nine"]}, status=404)
    around.ask("POST", "/pulls", {"model": "first:1b", "more": 1}, status=422)
    around.ask("GET", "/pulls/NOT-ONE", status=422)


def test_models_are_loaded_pinned_renamed_and_unloaded(around: Around) -> None:
    around.library.add("kept", "1b", noise(SIZE, seed=3))
    ended(around, around.ask("POST", "/pulls", {"model": "kept:1b", "nodes": ["one"]}, status=201)["id"])
    node = around.nodes[0]
    assert around.ask("POST", "/models/kept%3A1b/load")["items"] == [
        {"node": "one", "error": "", "code": "", "freed": 0}
    ]
    assert node.loaded["kept:1b"] == 300
    around.ask("POST", "/models/kept%3A1b/pin", {"nodes": ["one"]})
    assert node.loaded["kept:1b"] == -1
    assert [pin["model"] for pin in around.ask("GET", "/pins")["items"]] == ["kept:1b"]
    # The node restarts: nothing is in memory, and what is pinned comes back by itself.
    node.loaded.clear()
    around.look()
    until(lambda: node.loaded.get("kept:1b") == -1, seconds=20, what="the pinned model is loaded again")
    around.ask("POST", "/models/kept%3A1b/copy", {"name": "mine:1b"})
    assert {name for name, _ in node.holdings()} >= {"kept:1b", "mine:1b"}
    around.look()
    around.ask("POST", "/models/kept%3A1b/unload")
    assert "kept:1b" not in node.loaded
    assert around.ask("GET", "/pins")["items"] == []
    around.ask("POST", "/models/nobody%3A1b/load", status=404)


def test_removing_tells_what_is_free_again(around: Around) -> None:
    around.library.add("gone", "1b", noise(SIZE, seed=12))
    ended(around, around.ask("POST", "/pulls", {"model": "gone:1b", "nodes": ["one"]}, status=201)["id"])
    around.ask("POST", "/models/gone%3A1b/copy", {"name": "twin:1b"})
    around.look()
    # Its files stand under another name as well: nothing comes back.
    assert around.ask("DELETE", "/models/gone%3A1b")["freed"] == {"one": 0}
    path = around.nodes[0].folder / "manifests" / "registry.ollama.ai" / "library" / "gone" / "1b"
    path.unlink()
    around.look()
    assert around.ask("DELETE", "/models/twin%3A1b")["freed"]["one"] > SIZE


def test_a_model_that_vanishes_at_its_node_is_told_within_five_seconds(around: Around) -> None:
    around.library.add("lost", "1b", noise(SIZE, seed=20))
    ended(around, around.ask("POST", "/pulls", {"model": "lost:1b", "nodes": ["one"]}, status=201)["id"])
    plane = around.api.plane
    until(lambda: plane.catalog.residency.holders("lost:1b") == ("one",), what="the node is known to have it")
    after = plane.bus.last_number
    (around.nodes[0].folder / "manifests" / "registry.ollama.ai" / "library" / "lost" / "1b").unlink()
    began = time.monotonic()
    around.look()

    async def told() -> list[str]:
        with plane.bus.subscribe(EVENTS, after=after, bound=4096) as heard:
            found = []
            with contextlib.suppress(TimeoutError):
                while True:
                    message = await asyncio.wait_for(heard.next(), 0.05)
                    if message.data.subject == "lost:1b at one":
                        found.append(message.data.kind)
            return found

    until(lambda: around.api.served.run(told()) == ["model.gone"], what="it is told")
    assert time.monotonic() - began < 5
    assert plane.catalog.residency.holders("lost:1b") == ()


def test_only_what_the_registry_has_anew_is_updated(around: Around) -> None:
    around.library.add("old", "1b", noise(SIZE, seed=4))
    around.library.add("same", "1b", noise(SIZE, seed=5))
    for name in ("old:1b", "same:1b"):
        ended(around, around.ask("POST", "/pulls", {"model": name, "nodes": ["one"]}, status=201)["id"])
    digest = around.library.add("old", "1b", noise(SIZE, seed=6))
    assert [(row["model"], row["nodes"]) for row in around.ask("GET", "/updates")["items"]] == [("old:1b", ["one"])]
    begun = around.ask("POST", "/updates", status=201)["items"]
    assert [row["model"] for row in begun] == ["old:1b"]
    ended(around, begun[0]["id"])
    assert dict(around.nodes[0].holdings())["old:1b"].digest == digest
    assert around.ask("GET", "/updates")["items"] == []


def test_a_model_is_judged_from_the_head_of_its_file(around: Around) -> None:
    around.library.add("judged", "1b", LLAMA)
    items = around.ask("GET", "/catalog/judged%3A1b/fit?context=4096")["items"]
    assert items["one"]["verdict"] == "cpu"
    # 2 blocks, 2 heads of 32 for keys and values each, two bytes a number.
    assert items["one"]["cache"] == 2 * 2 * 64 * 2 * 4096
    assert "no GPU here" in items["one"]["reasons"][1]
    around.ask("GET", "/catalog/judged%3A9b/fit", status=404)


def test_the_catalogue_is_searched_in_both_languages(around: Around) -> None:
    (around.api.home.root / "models.d" / "bad.toml").write_text("[[model]]\nname = 7\n")
    found = around.ask("GET", "/catalog?words=codigo&lang=pt-BR&fits=true")
    assert "Código" in found["items"][0]["categories"]
    assert found["categories"]["safety"] == "Segurança"
    assert found["items"][0]["tags"][0]["fits"]
    assert (found["problems"][0]["file"], found["problems"][0]["line"]) == ("bad.toml", 2)
    around.ask("GET", "/catalog?sort=worst", status=422)


@pytest.mark.real
def test_the_verbs_of_the_command_line(around: Around) -> None:
    around.library.add("typed", "1b", noise(SIZE, seed=9))
    begun = around.cli("pull", "typed:1b", "--node", "one", "--background")
    assert begun.returncode == 0, begun.stderr
    ended(around, begun.stdout.split()[-1])
    listed = around.cli("pulls", CLUSTER_AI_LANG="pt").stdout
    assert "typed:1b" in listed
    assert "one (pronto)" in listed
    found = around.cli("search", "codigo", "--fits", CLUSTER_AI_LANG="pt")
    assert "qwen2.5-coder:0.5b" in found.stdout, found.stderr
    assert "one: done" in around.cli("load", "typed:1b").stdout
    assert around.cli("load", "nobody:1b").returncode == 3
    assert around.cli("update").returncode == 2


LLAMA = gguf(
    pairs=(
        word(b"general.architecture", b"llama"),
        pair(b"llama.block_count", 4, (2).to_bytes(4, "little")),
        pair(b"llama.embedding_length", 4, (128).to_bytes(4, "little")),
        pair(b"llama.attention.head_count", 4, (4).to_bytes(4, "little")),
        pair(b"llama.attention.head_count_kv", 4, (2).to_bytes(4, "little")),
        pair(b"llama.context_length", 4, (8192).to_bytes(4, "little")),
    ),
    tensors=(tensor(b"token_embd.weight", (128, 10)), tensor(b"blk.0.attn_q.weight", (128, 128), 0, 5120)),
    data=5120 + 65_536,
)
