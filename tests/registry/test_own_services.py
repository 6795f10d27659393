"""The head's own services in its registry: there while they live, told apart from silent ones, gone after a stop."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.registry import own
from backend.registry.own import OWNER, OwnServices
from cluster_ai.compute.types import ComputeView
from cluster_ai.gateway.types import GatewayView, UpstreamKind, UpstreamState
from cluster_ai.registry.types import Instance, Query, State
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL, WITH_WORKER, upstream
from tests.cli.calling import cli, environment
from tests.waiting import until

LEASE = 1.0


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_api(tmp_path / "home") as api:
        api.world.gateway = GatewayView(
            started_at=1.0,
            upstreams=(
                upstream("embedded", "http://127.0.0.1:2", kind=UpstreamKind.EMBEDDED),
                upstream("tower", "https://tower:3", kind=UpstreamKind.MACHINE),
            ),
        )
        yield api


@pytest.fixture
def look(api: Api) -> Iterator[Callable[[], dict[str, Instance]]]:
    services = OwnServices(api.plane, lease_seconds=LEASE)

    def look() -> dict[str, Instance]:
        """One look at a fresh picture, and what stands in the registry then."""
        api.tick()
        api.served.run(services.tick())
        return there(api)

    yield look

    async def leave() -> None:
        services.leave()

    api.served.run(leave())
    assert there(api) == {}, "who leaves takes all of them out"


def there(api: Api) -> dict[str, Instance]:
    async def listed() -> tuple[Instance, ...]:
        return tuple(api.plane.registry.list(Query()))

    return {one.name: one for one in api.served.run(listed())}


def test_what_runs_on_one_box_is_listed_with_what_it_can_do(api: Api, look: Callable[[], dict[str, Instance]]) -> None:
    found = look()
    assert set(found) == {"api", "gateway", "embedded", "dask-dashboard"}, "machines tell of themselves"
    assert {one.owner for one in found.values()} == {OWNER.owner}
    assert {one.state for one in found.values()} == {State.HEALTHY}
    assert (found["embedded"].kind, found["embedded"].url) == ("engine", "http://127.0.0.1:2")
    assert {"ollama-api", "model:smollm2:135m", "loaded:all-minilm:latest"} <= found["embedded"].capabilities
    assert "openai-api" in found["gateway"].capabilities
    with api.local() as client:
        shown = client.get("/api/v1/registry/instances", params={"kind": "service"}).json()["items"]
    assert [one["name"] for one in shown] == ["api", "dask-dashboard", "gateway"]
    assert look()["api"].registered_at == found["api"].registered_at, "it beats, and does not begin anew"


def test_one_that_falls_silent_is_away_and_then_forgotten(api: Api, look: Callable[[], dict[str, Instance]]) -> None:
    look()
    api.world.gateway_status = 503
    api.world.compute = ComputeView(reachable=False, address="", error="away")
    until(lambda: look()["gateway"].state is State.UNREACHABLE, seconds=5, what="its lease runs out")
    assert look()["api"].state is State.HEALTHY
    until(lambda: set(look()) == {"api"}, seconds=15, what="it is forgotten")
    api.world.gateway_status = 200
    api.world.compute = WITH_WORKER
    assert look()["gateway"].state is State.HEALTHY, "it is there again"


def test_a_node_that_drains_asks_not_to_be_chosen_and_one_that_is_taken_out_is_gone(
    api: Api, look: Callable[[], dict[str, Instance]]
) -> None:
    look()
    drained = upstream("embedded", "http://127.0.0.1:2", kind=UpstreamKind.EMBEDDED, draining=True)
    api.world.gateway = GatewayView(started_at=1.0, upstreams=(drained,))
    assert look()["embedded"].state is State.DEGRADED
    down = upstream("embedded", "http://127.0.0.1:2", kind=UpstreamKind.EMBEDDED, state=UpstreamState.DOWN)
    api.world.gateway = GatewayView(started_at=1.0, upstreams=(down,))
    assert "embedded" in look(), "its lease is not over"
    api.world.gateway = GatewayView(started_at=1.0)
    assert "embedded" not in look()


def test_a_node_that_calls_itself_nonsense_keeps_nobody_out(api: Api, look: Callable[[], dict[str, Instance]]) -> None:
    odd = upstream("attic", "http://10.0.0.7:11434", version="1\x00" + "é" * 999)
    api.world.gateway = GatewayView(started_at=1.0, upstreams=(odd,))
    found = look()
    assert found["attic"].version == "1" + "é" * 255
    assert "dask-dashboard" in found


def test_they_stand_there_while_the_block_runs(api: Api) -> None:
    async def story() -> tuple[int, int]:
        async with own.own_services(api.plane, tick_seconds=0.05):
            for _ in range(100):
                if len(api.plane.registry.list(Query())) == 4:
                    break
                await asyncio.sleep(0.05)
            inside = len(api.plane.registry.list(Query()))
        return inside, len(api.plane.registry.list(Query()))

    api.tick()
    assert api.served.run(story()) == (4, 0)


def test_orders_to_the_head_s_own_nodes_say_what_they_are_and_what_to_do(api: Api) -> None:
    named = upstream("attic", "http://10.0.0.7:11434")
    api.world.gateway = GatewayView(started_at=1.0, upstreams=(*api.world.gateway.upstreams, named))
    api.tick()
    with api.local() as client:
        for answer in (
            client.patch("/api/v1/machines/embedded", json={"draining": True}),
            client.get("/api/v1/machines/embedded"),
            client.delete("/api/v1/machines/embedded"),
            client.post("/api/v1/machines/embedded/orders", json={"verb": "reboot"}),
            client.post("/api/v1/machines/embedded/wake"),
        ):
            said = answer.json()
            assert (answer.status_code, said["code"]) == (404, "machine_not_found")
            assert "embedded is the head's embedded node" in said["detail"]
            assert "[node]" in said["hint"]
        other = client.patch("/api/v1/machines/attic", json={"draining": True}).json()
        assert ("a node of the gateway" in other["detail"], "drain = true" in other["hint"]) == (True, True)
        nobody = client.patch("/api/v1/machines/nobody", json={"draining": True}).json()
        assert nobody["detail"] == "no machine is called nobody"


def test_the_verb_says_it_in_the_reader_s_language(api: Api) -> None:
    api.home.internal_token.write_text(INTERNAL)
    api.home.internal_token.chmod(0o600)
    api.tick()
    for lang, told, todo in (("en", "embedded node", "under [node]"), ("pt-BR", "nó embutido", "em [node]")):
        env = environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port), CLUSTER_AI_LANG=lang)
        done = cli("node", "drain", "embedded", env=env)
        assert (done.returncode, told in done.stderr, todo in done.stderr) == (3, True, True), done.stderr
