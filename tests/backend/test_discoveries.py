"""Looking around through the API: the real application and listener, over a network of loopback addresses."""

import json
import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import pytest

from cluster_ai.core.principals import Role
from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Members
from tests.backend.running import Api, running_api
from tests.nodes.discovery.places import around, loopback, network
from tests.registry.people import person
from tests.waiting import until

ROOT = "/api/v1/discoveries"
HOST = "127.0.0.1"
NETWORK = "127.0.0.0/30"
Answers = dict[str, bytes]


def look_around(members: Members) -> Around:
    whole = around(loopback(network(NETWORK, "127.0.0.2")))
    return Around(whole.scope, members, random.Random(1), neighbours=whole.neighbours, name_of=whole.name_of)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home", look_around=look_around) as api:
        yield api


@contextmanager
def serving(answers: Answers | None) -> Iterator[int]:
    """A server that answers what it is asked for; without ``answers`` it takes connections and says nothing."""
    held: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            line = connection.recv(4096).partition(b" HTTP/")[0].decode()
            body = (answers or {}).get(line)
            status, kind = ("200 OK", "text/plain") if body else ("404 Not Found", "application/json")
            body = body or b"{}"
            connection.sendall(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )

    def accept() -> None:
        with ThreadPoolExecutor(8) as crew:
            while True:
                try:
                    connection = sock.accept()[0]
                except OSError:
                    return
                if answers is None:
                    held.append(connection)
                else:
                    crew.submit(answer, connection)

    with socket.create_server((HOST, 0)) as sock:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            # Closing alone does not wake who waits in accept.
            sock.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


OLLAMA: Answers = {
    "GET /": b"Ollama is running",
    "GET /api/version": b'{"version":"0.12.6"}',
    "GET /api/tags": json.dumps({"models": [{"name": "qwen3:4b"}]}).encode(),
}
AGENT: Answers = {"GET /.well-known/agent-card.json": b'{"name":"Planner","version":"1.2","skills":[]}'}


def begun(client: httpx2.Client, **order: Any) -> dict[str, Any]:
    answer = client.post(ROOT, json={"mdns_seconds": 0, **order})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def ended(client: httpx2.Client, search: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        now = client.get(f"{ROOT}/{search['id']}").json()
        return now if now["state"] != "running" else None

    return until(look, seconds=60, what="the search has ended")


def look_at(client: httpx2.Client, *ports: int) -> dict[str, Any]:
    return ended(client, begun(client, hosts=[HOST], ports=",".join(map(str, ports))))


def deeds(client: httpx2.Client, action: str) -> list[tuple[str, str]]:
    items = client.get("/api/v1/audit?limit=100").json()["items"]
    return [(one["subject"], one["outcome"]) for one in items if one["action"] == action]


def test_services_are_found_and_counted(api: Api) -> None:
    with api.local() as client, serving(OLLAMA) as ollama, serving(AGENT) as agent:
        search = look_at(client, ollama, agent)
        assert client.get(ROOT).json()["items"][0]["id"] == search["id"]
    assert search["state"] == "ended"
    assert search["stages"] == [{"stage": "ports", "done": 2, "total": 2}]
    (found,) = search["found"]
    assert (found["address"], found["how"], found["usable"], found["why_not"]) == (HOST, ["scan"], False, "no_ssh")
    services = {one["port"]: one for one in found["services"]}
    assert (services[ollama]["kind"], services[ollama]["models"]) == ("ollama", ["qwen3:4b"])
    assert (services[agent]["kind"], services[agent]["name"]) == ("agent", "Planner")
    assert all(one["takeable"] and not one["instance"] for one in services.values())


def test_the_head_tells_which_networks_it_may_look_at(api: Api) -> None:
    with api.local() as client:
        told = client.get(ROOT).json()
        assert (told["networks"], told["left_out"]) == ([NETWORK], [])
        refused = client.post(ROOT, json={"networks": ["192.168.0.0/16"]})
        assert (refused.status_code, refused.json()["code"]) == (422, "beyond_own_networks")
        assert NETWORK in refused.json()["hint"]
        for wrong in ({"hosts": ["8.8.8.8"]}, {"hosts": ["169.254.169.254"], "deep": True}):
            assert client.post(ROOT, json=wrong).json()["code"] == "beyond_own_networks"
        assert ("192.168.0.0/16", "beyond_own_networks") in deeds(client, "discover_network")


def test_one_at_a_time_and_it_can_be_cancelled(api: Api) -> None:
    with api.local() as client, serving(None) as silent:
        search = begun(client, hosts=[HOST], ports=str(silent))
        assert search["state"] == "running"
        refused = client.post(ROOT, json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "discovery_running")
        gone = client.delete(f"{ROOT}/{search['id']}")
        assert (gone.status_code, gone.json()["state"]) == (200, "cancelled")
        assert client.get(f"{ROOT}/{search['id']}").json()["state"] == "cancelled"
        assert deeds(client, "cancel_discovery") == [(search["id"], "done")]
        look_at(client, silent + 1 if silent < 65_000 else silent - 1)


def test_a_found_service_becomes_an_instance(api: Api) -> None:
    with api.local() as client, serving(OLLAMA) as port:
        search = look_at(client, port)
        where = f"{ROOT}/{search['id']}/taken"
        made = client.post(where, json={"address": HOST, "port": port, "name": "attic"})
        assert made.status_code == 201, made.text
        instance = made.json()
        assert (instance["kind"], instance["name"], instance["url"]) == ("engine", "attic", f"http://{HOST}:{port}")
        assert instance["capabilities"] == ["model:qwen3:4b", "ollama"]
        offers = client.post("/api/v1/registry/discover", json={"capabilities": ["model:qwen3:4b"]}).json()["items"]
        assert [one["instance"]["id"] for one in offers] == [instance["id"]]
        again = client.get(f"{ROOT}/{search['id']}").json()
        assert again["found"][0]["services"][0]["instance"] == instance["id"]
        assert (f"{HOST} {port}", "done") in deeds(client, "take_service")
        assert client.delete(f"/api/v1/registry/instances/{instance['id']}").status_code == 200
        assert api.served.run(_looked(api)) == frozenset()


async def _looked(api: Api) -> frozenset[str]:
    keeper = api.lookout.keeper
    await keeper.tick()
    return keeper.ids()


def test_only_what_was_found_can_be_taken(api: Api) -> None:
    with api.local() as client, serving({}) as web:
        search = look_at(client, web)
        where = f"{ROOT}/{search['id']}/taken"
        for address, port in ((HOST, 9), ("8.8.8.8", web)):
            refused = client.post(where, json={"address": address, "port": port})
            assert (refused.status_code, refused.json()["code"]) == (404, "find_not_found")
        unknown = client.post(f"{ROOT}/{'0' * 8}-0000-7000-8000-{'0' * 12}/taken", json={"address": HOST, "port": web})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "discovery_not_found")


def test_viewers_and_users_neither_look_nor_see(api: Api) -> None:
    for role in (Role.VIEWER, Role.USER):
        with api.client(**person(api, f"a-{role}", role)) as client:
            for answer in (client.get(ROOT), client.post(ROOT, json={}), client.get(f"{ROOT}/{'0' * 36}")):
                assert answer.status_code == 403
    with api.client(**person(api, "olga", Role.OPERATOR)) as client, serving(OLLAMA) as port:
        search = look_at(client, port)
        assert search["by"] == "olga"
        made = client.post(f"{ROOT}/{search['id']}/taken", json={"address": HOST, "port": port})
        assert (made.status_code, made.json()["owner"] != "") == (201, True)


def test_a_search_under_way_ends_with_the_head(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ending") / "home"
    with serving(None) as silent, running_api(folder, look_around=look_around) as api, api.local() as client:
        begun(client, hosts=[HOST], ports=str(silent))
