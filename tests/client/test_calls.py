"""Each method of the client asks what the API documents and reads what it answers."""

import inspect

import pytest

from cluster_ai.client import AsyncClient, Client
from cluster_ai.core.errors import NotFound
from tests.tui.running import Api
from tests.tui.samples import cluster

CHANGES = {
    "restart_part": (lambda c: c.restart_part("worker-0"), "POST", "/api/v1/system/parts/worker-0/restart", {}),
    "add_workers": (lambda c: c.add_workers(2), "POST", "/api/v1/workers", {"count": 2}),
    "set_password": (
        lambda c: c.set_password(current="a", new="b"),
        "POST",
        "/api/v1/auth/password",
        {"current": "a", "new": "b"},
    ),
    "delete_model": (lambda c: c.delete_model("me/mine:7b"), "DELETE", "/api/v1/models/me%2Fmine:7b", None),
}


def test_views_are_typed(client: Client, api: Api) -> None:
    api.show(cluster(nodes=4))
    overview = client.overview()
    assert [node.name for node in overview.nodes] == ["node-01", "node-02", "node-03", "node-04"]
    assert client.nodes() == overview.nodes
    assert client.node("node-02") == overview.nodes[1]
    assert client.models() == overview.models
    assert client.workers() == overview.compute.workers
    assert client.compute() == overview.compute
    assert client.system() == overview.system
    assert client.me().user.name == "admin"


def test_not_ready_is_an_answer(client: Client) -> None:
    ready = client.ready()
    assert not ready.ready
    assert [check.name for check in ready.checks] == ["scheduler"]


def test_unknown_node(client: Client) -> None:
    with pytest.raises(NotFound, match="no such node"):
        client.node("nowhere")


@pytest.mark.parametrize("name", CHANGES)
def test_change_is_asked_for(client: Client, api: Api, name: str) -> None:
    change, method, path, body = CHANGES[name]
    change(client)
    last = api.asked()[-1]
    assert (last["method"], last["path"], last["body"]) == (method, path, body)


def test_a_model_of_one_node(client: Client, api: Api) -> None:
    assert client.delete_model("smollm2:135m", nodes=["node-01"]) == ("node-01",)
    assert api.asked()[-1]["query"] == {"node": "node-01"}


@pytest.mark.parametrize("name", ["..", ".", "a/../../system", "a?b", "a#b", "a b"])
def test_a_name_stays_one_segment(client: Client, api: Api, name: str) -> None:
    client.restart_part(name)
    path = api.asked()[-1]["path"]
    assert path.startswith("/api/v1/system/parts/")
    assert path.count("/") == "/api/v1/system/parts/x/restart".count("/")


def test_pull_is_followed_step_by_step(client: Client, api: Api) -> None:
    api.script(pull=[{"status": "pulling", "total": 10, "completed": 5, "digest": "d"}, {"status": "success"}])
    steps = list(client.pull("mine:7b", nodes=["node-01", "node-02"]))
    assert [(step.status, step.completed, step.total) for step in steps] == [("pulling", 5, 10), ("success", 0, 0)]
    assert api.asked()[-1]["body"] == {"nodes": ["node-01", "node-02"]}


def test_chat_says_who_served(client: Client, api: Api) -> None:
    api.script(chat=[{"message": {"content": "hi"}}, {"done": True}])
    with client.chat({"model": "m", "messages": []}) as answer:
        assert (answer.served_by.node, answer.served_by.why, answer.served_by.attempts) == ("n1", "resident", 2)
        assert [line.get("done", False) for line in answer.lines] == [False, True]


def test_both_clients_have_the_same_methods() -> None:
    def public(of: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}

    assert public(AsyncClient) - public(Client) == {"aclose", "live", "log_lines"}
    assert public(Client) - public(AsyncClient) == {"close"}
