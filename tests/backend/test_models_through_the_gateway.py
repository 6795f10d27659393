"""The API and the command line change models through the real gateway: its policy, its nodes, its words."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.backend.running import Api, running_api
from tests.cli.calling import cli as called
from tests.cli.calling import environment
from tests.fakes.fleet import Fleet
from tests.fakes.knobs import MODELS
from tests.gateway.door import TOKEN, gateway
from tests.waiting import until

NEW = "qwen3:0.6b"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(2) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    with (
        gateway(*fleet.nodes, registries=("registry.ollama.ai", "hf.co")) as door,
        running_api(folder / "home", gateway=door.url, token=TOKEN) as api,
    ):
        yield api


@pytest.fixture
def api(running: Api, fleet: Fleet) -> Api:
    """Two honest nodes with their first models, which the gateway has seen."""
    fleet.default()
    usual = {model.name for model in MODELS}

    def seen() -> bool:
        running.tick()
        nodes = running.plane.live.overview().nodes
        return len(nodes) == 2 and all({model.name for model in node.models} == usual for node in nodes)

    until(seen, what="the first models show")
    return running


def pull(api: Api, model: str = NEW, **body: object) -> tuple[int, list[dict[str, str]]]:
    with api.local() as client:
        answer = client.post(f"/api/v1/models/{model}/pull", json=body)
    return answer.status_code, [json.loads(line) for line in answer.text.splitlines()]


def having(fleet: Fleet, model: str) -> set[str]:
    return {node.name for node in fleet.nodes if any(found.name == model for found in node.knobs().models)}


def test_a_pull_goes_where_the_gateway_puts_it(api: Api, fleet: Fleet) -> None:
    status, lines = pull(api)
    assert (status, lines[-1]) == (200, {"status": "success"})
    [where] = having(fleet, NEW)
    assert pull(api, nodes=["all"])[0] == 200
    assert having(fleet, NEW) == {"fake-0", "fake-1"}
    with api.local() as client:
        assert client.delete(f"/api/v1/models/{NEW}?node={where}").json()["nodes"] == [where]
    assert having(fleet, NEW) == {"fake-0", "fake-1"} - {where}


def test_what_the_gateway_refuses_is_refused_with_its_code(api: Api, fleet: Fleet) -> None:
    def refused(model: str, **body: object) -> tuple[int, str]:
        status, [problem] = pull(api, model, **body)
        return status, problem["code"]

    assert refused("evil.test/owner/name") == (403, "registry_refused")
    assert refused(NEW, nodes=["n9"]) == (404, "not_found")
    assert pull(api, "hf.co/owner/name")[0] == 200, "the gateway's own list counts"
    fleet.set(manage_status=500)
    status, [problem] = pull(api, nodes=["all"])
    assert (status, problem["code"]) == (502, "node_failed")
    assert "fake-0: no space left on device" in problem["detail"]
    with api.local() as client:
        assert client.delete("/api/v1/models/nobody:1b").json()["code"] == "not_found"


def test_a_deletion_that_fails_in_part_says_where_it_was_done(api: Api, fleet: Fleet) -> None:
    assert pull(api, nodes=["all"])[0] == 200
    fleet.nodes[1].set(manage_status=500)
    with api.local() as client:
        answer = client.delete(f"/api/v1/models/{NEW}")
    assert (answer.status_code, answer.json()["code"]) == (502, "node_failed")
    assert answer.json()["detail"] == "fake-1: no space left on device (done on fake-0)"


def test_a_caller_who_leaves_stops_the_nodes(api: Api, fleet: Fleet) -> None:
    fleet.set(pull=30.0)
    with api.local() as client, client.stream("POST", f"/models/{NEW}/pull", json={"nodes": ["all"]}) as answer:
        next(lines := answer.iter_lines())
        next(lines)
    until(lambda: all(node.counters().cancelled for node in fleet.nodes), what="both nodes were let go")
    assert having(fleet, NEW) == set()


def cli(api: Api, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    api.home.internal_token.write_text(api.token_here)
    api.home.internal_token.chmod(0o600)
    env = environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port), CLUSTER_AI_LANG="en")
    return called("model", *words, env=env | more)


@pytest.mark.real
def test_the_command_line_shows_what_each_node_does(api: Api, fleet: Fleet) -> None:
    done = cli(api, "pull", NEW, "--node", "fake-0", "--node", "fake-1")
    assert done.returncode == 0, done.stderr
    for name in having(fleet, NEW):
        rows = [row for row in done.stderr.splitlines() if row.startswith(name)]
        assert rows[0].split(maxsplit=1)[1] == "pulling manifest"
        assert any("100%" in row for row in rows)
        assert rows[-1].endswith(f"done on {name}")
    gone = cli(api, "rm", NEW, "--yes")
    assert f"{NEW} is removed from fake-0, fake-1." in gone.stderr
    assert cli(api, "pull", NEW, "--all", "--node", "fake-0").returncode == 2
    assert cli(api, "pull", "evil.test/owner/name").returncode == 6


@pytest.mark.real
def test_the_command_line_says_which_node_failed(api: Api, fleet: Fleet) -> None:
    fleet.set(pull=0.2)
    fleet.nodes[1].set(manage_dies_at=2)
    done = cli(api, "pull", NEW, "--all")
    assert done.returncode == 1, done.stderr
    assert "node_failed" in done.stderr
    assert any(row.startswith("fake-1") and "failed on fake-1: " in row for row in done.stderr.splitlines())
    assert having(fleet, NEW) == {"fake-0"}


@pytest.mark.real
def test_what_is_not_there_is_told_in_the_readers_language(api: Api) -> None:
    pt = {"CLUSTER_AI_LANG": "pt-BR"}
    assert "Não há nenhum nó chamado n9." in cli(api, "pull", NEW, "--node", "n9", **pt).stderr
    assert "Nenhum nó tem o modelo nobody:1b." in cli(api, "rm", "nobody:1b", "--yes", **pt).stderr
