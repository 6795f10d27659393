"""Ollama's own client, in both kinds, manages the models of a cluster as it does those of one server."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import ollama
import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.managing.conftest import has, listed
from tests.waiting import until

pytestmark = pytest.mark.real


def test_a_pulled_model_is_there_when_the_pull_ends(cluster: Gateway, client: ollama.Client) -> None:
    steps = list(client.pull("qwen3:0.6b", stream=True))
    assert [step.status for step in steps][:1] == ["pulling manifest"]
    assert steps[-1].status == "success"
    done = [step.completed for step in steps if step.digest]
    assert done == sorted(done)
    assert done[-1] == next(step.total for step in steps if step.digest)
    assert "qwen3:0.6b" in listed(client)
    assert client.show("qwen3:0.6b").details is not None
    assert client.chat("qwen3:0.6b", [{"role": "user", "content": "hi"}]).message.content
    assert sum(has(node, "qwen3:0.6b") for node in cluster.fleet.nodes) == 1


def test_a_pull_without_progress_says_only_its_end(cluster: Gateway, client: ollama.Client) -> None:
    assert client.pull("qwen3:0.6b").status == "success"
    assert "qwen3:0.6b" in listed(client)
    asked = [row for node in cluster.fleet.nodes for row in node.log() if row.path == "/api/pull"]
    assert [row.body["stream"] for row in asked] == [True]


def test_a_copy_shows_at_once_and_so_does_its_deletion(client: ollama.Client) -> None:
    for _ in range(5):
        assert client.copy("smollm2:135m", "mine").status == "success"
        assert "mine:latest" in listed(client)
        assert client.delete("mine").status == "success"
        assert "mine:latest" not in listed(client)


def test_a_model_is_deleted_wherever_it_is(cluster: Gateway, client: ollama.Client) -> None:
    client.delete("smollm2:135m")
    assert listed(client) == {"all-minilm:latest"}
    assert not any(has(node, "smollm2:135m") for node in cluster.fleet.nodes)


def test_a_model_is_made_of_blobs_of_another_and_sent_away(
    cluster: Gateway, client: ollama.Client, tmp_path: Path
) -> None:
    files = {}
    for name in ("weights.gguf", "adapter.gguf"):
        (tmp_path / name).write_bytes(name.encode() * 100_000)
        files[name] = client.create_blob(tmp_path / name)
    steps = [step.status for step in client.create("me/made", files=files, stream=True)]
    assert steps[-1] == "success"
    assert client.create("from-made", from_="me/made").status == "success"
    assert {"me/made:latest", "from-made:latest"} <= listed(client)
    assert [step.status for step in client.push("me/made", stream=True)][-1] == "success"
    (holder,) = [node for node in cluster.fleet.nodes if has(node, "me/made:latest")]
    assert has(holder, "from-made:latest")
    assert holder.counters().paths["/api/push"] == 1


@pytest.mark.anyio
async def test_the_async_client_does_the_same(cluster: Gateway, tmp_path: Path) -> None:
    client = ollama.AsyncClient(cluster.url)
    steps = [step.status async for step in await client.pull("qwen3:0.6b", stream=True)]
    assert (steps[0], steps[-1]) == ("pulling manifest", "success")
    await client.copy("qwen3:0.6b", "mine")
    (tmp_path / "x").write_bytes(b"blob" * 200_000)
    digest = await client.create_blob(tmp_path / "x")
    assert digest == "sha256:" + hashlib.sha256(b"blob" * 200_000).hexdigest()
    assert await client.create_blob(tmp_path / "x") == digest
    assert (await client.create("made", files={"x": digest})).status == "success"
    names = {model.model for model in (await client.list()).models}
    assert {"qwen3:0.6b", "mine:latest", "made:latest"} <= names
    await client.delete("made")
    assert (await client.show("mine")).details is not None
    assert [model.model for model in (await client.ps()).models] == []
    await client._client.aclose()


WRONG: dict[str, tuple[Callable[[ollama.Client], Any], int, str]] = {
    "pull": (lambda client: client.pull("no-such"), 500, "pull model manifest: file does not exist"),
    "delete": (lambda client: client.delete("missing"), 404, "model 'missing' not found"),
    "copy": (lambda client: client.copy("missing", "x"), 404, "model 'missing' not found"),
    "show": (lambda client: client.show("missing"), 404, "model 'missing' not found"),
    "create": (lambda client: client.create("x"), 400, "neither 'from' or 'files' was specified"),
    "push": (lambda client: client.push("smollm2:135m"), 500, "you are not authorized to push to this namespace"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_are_those_of_a_node_with_its_name(cluster: Gateway, client: ollama.Client, what: str) -> None:
    act, status, said = WRONG[what]
    with pytest.raises(ollama.ResponseError) as through:
        act(client)
    with closing(ollama.Client(cluster.fleet.nodes[0].url)) as node, pytest.raises(ollama.ResponseError) as direct:
        act(node)
    assert said in through.value.error
    assert said in direct.value.error
    assert through.value.status_code == direct.value.status_code == status


def test_an_error_in_the_middle_is_told_in_the_stream(cluster: Gateway, client: ollama.Client) -> None:
    steps = client.pull("no-such", stream=True)
    assert next(steps).status == "pulling manifest"
    with pytest.raises(ollama.ResponseError, match=r"fake-\d: pull model manifest"):
        next(steps)
    whole = cluster.ask("POST", "/api/pull", {"model": "no-such"})
    assert not whole.broken
    assert whole.lines[-1]["node"] == whole.headers["x-cluster-node"]
    assert "success" not in whole.body.decode()


def test_the_command_learns_that_there_is_no_cloud_here(cluster: Gateway) -> None:
    answer = cluster.ask("GET", "/api/status")
    assert (answer.status, answer.json) == (200, {"cloud": {"disabled": True, "source": "config"}})


def test_a_node_that_cannot_be_reached_is_passed_over(cluster: Gateway, client: ollama.Client) -> None:
    roomy = cluster.fleet.nodes[0]
    for node in cluster.fleet.nodes[1:]:
        node.set(models=["smollm2:135m", "large:70b"])
    fuller = cluster.fleet.nodes[1:]
    until(lambda: all(len(cluster.upstream(node).models) == 2 and has(node, "large:70b") for node in fuller))
    roomy.kill()
    assert client.pull("new:1b").status == "success"
    assert not has(roomy, "new:1b")
