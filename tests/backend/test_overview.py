"""The live picture, and what it says while its sources fail."""

import time

from cluster_ai.compute.types import ComputeView
from cluster_ai.gateway.types import Totals, UpstreamKind, UpstreamState
from tests.backend.running import Api


def test_picture_has_every_source(api: Api) -> None:
    with api.local() as client:
        picture = client.get("/api/v1/overview").json()
    assert [node["name"] for node in picture["nodes"]] == ["n1"]
    assert [model["name"] for model in picture["models"]] == ["all-minilm:latest", "smollm2:135m"]
    assert picture["compute"]["workers"][0]["name"] == "worker-0"
    assert picture["system"]["parts"][0]["name"] == "scheduler"
    assert picture["system"]["host"]["memory_total"] > 0
    assert picture["system"]["problems"] == []


def test_rates_are_differences_and_survive_a_gateway_restart(api: Api) -> None:
    def rate(requests: int, started: float, wait: float) -> float:
        time.sleep(wait)
        totals = Totals(requests=requests)
        api.world.gateway = api.world.gateway.model_copy(update={"totals": totals, "started_at": started})
        api.tick()
        with api.local() as client:
            found: float = client.get("/api/v1/overview").json()["rates"]["requests_per_second"]
        return found

    rate(5, 2.0, 0)
    assert rate(105, 2.0, 0.1) > 0
    assert rate(3, 3.0, 0.1) == 0, "a counter that began again is no negative traffic"


def test_silent_gateway_leaves_the_last_picture_and_says_so(api: Api) -> None:
    api.world.gateway_status = 500
    api.tick()
    with api.local() as client:
        picture = client.get("/api/v1/overview").json()
    assert picture["gateway_reachable"] is False
    assert [node["name"] for node in picture["nodes"]] == ["n1"]
    assert picture["rates"]["requests_per_second"] == 0
    assert any(problem.startswith("gateway.down: ") for problem in picture["system"]["problems"])


def test_hanging_gateway_does_not_delay_the_answer(api: Api) -> None:
    api.world.hang = True
    began = time.monotonic()
    api.tick()
    # The gateway hangs for ever: any bound shows that it was not waited for.
    assert time.monotonic() - began < 10
    began = time.monotonic()
    with api.local() as client:
        assert client.get("/api/v1/overview").status_code == 200
    assert time.monotonic() - began < 10


def test_ready_names_exactly_what_is_wrong(api: Api) -> None:
    def wrong() -> set[str]:
        api.tick()
        with api.local() as client:
            answer = client.get("/ready")
        checks = answer.json()["checks"]
        assert (answer.status_code == 200) is answer.json()["ready"]
        assert all(check["detail"] and check["hint"] for check in checks if not check["ok"])
        return {check["name"] for check in checks if not check["ok"]}

    assert wrong() == set()
    api.world.serve_nodes("n1", state=UpstreamState.DOWN, last_error="connection refused")
    assert wrong() == {"node:n1"}
    api.world.serve_nodes("n1")
    api.world.compute = ComputeView(reachable=False, address="tcp://x", error="connection refused")
    assert wrong() == {"scheduler"}
    api.world.compute = ComputeView(reachable=True, address="tcp://x")
    assert wrong() == {"workers"}
    api.world.supervised = False
    assert wrong() == {"workers", "supervisor"}


def test_what_to_do_about_a_node_goes_by_what_it_is(api: Api) -> None:
    def hint(kind: UpstreamKind) -> str:
        api.world.serve_nodes("n1", state=UpstreamState.DOWN, last_error="connection refused", kind=kind)
        api.tick()
        with api.local() as client:
            checks = client.get("/ready").json()["checks"]
        return next(str(check["hint"]) for check in checks if check["name"] == "node:n1")

    assert "Ollama" in hint(UpstreamKind.OLLAMA)
    assert "logs node" in hint(UpstreamKind.EMBEDDED)
    assert "node show n1" in hint(UpstreamKind.MACHINE)


def test_one_node_of_two_down_is_named_but_does_not_make_the_cluster_unready(api: Api) -> None:
    api.world.serve_nodes("n1", "n2")
    nodes = api.world.gateway.upstreams
    down = nodes[1].model_copy(update={"state": UpstreamState.DOWN})
    api.world.gateway = api.world.gateway.model_copy(update={"upstreams": (nodes[0], down)})
    api.tick()
    with api.local() as client:
        answer = client.get("/ready")
    assert answer.status_code == 200
    assert [check["name"] for check in answer.json()["checks"] if not check["ok"]] == ["node:n2"]


def test_strangers_see_verdicts_without_details(api: Api) -> None:
    api.world.supervised = False
    api.tick()
    with api.client() as client:
        answer = client.get("/ready")
    assert answer.status_code == 503
    assert {check["name"] for check in answer.json()["checks"] if not check["ok"]} == {"supervisor"}
    assert not any(check["detail"] or check["hint"] for check in answer.json()["checks"])


def test_single_things_and_lists(api: Api) -> None:
    with api.local() as client:
        assert client.get("/api/v1/nodes").json()["items"][0]["name"] == "n1"
        assert client.get("/api/v1/nodes/n1").json()["url"] == api.world.url
        missing = client.get("/api/v1/nodes/n9")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        assert client.get("/api/v1/workers").json()["items"][0]["threads"] == 1
        assert client.get("/api/v1/compute").json()["reachable"] is True
        assert client.get("/api/v1/system").json()["name"] == "test"
        assert client.get("/models").json() == client.get("/api/v1/models").json()
        assert client.get("/health").json() == {"status": "ok"}


def test_metrics_speak_prometheus(api: Api) -> None:
    with api.local() as client:
        client.get("/api/v1/nodes/n9")
        text = client.get("/metrics").text
    assert 'cluster_ai_part_up{part="scheduler"} 1.0' in text
    assert 'cluster_ai_node_up{node="n1"} 1.0' in text
    assert "cluster_ai_workers_connected 1.0" in text
    assert 'cluster_ai_dependency_up{dependency="database"} 1.0' in text
    assert 'route="/api/v1/nodes/{name}",status="404"' in text
