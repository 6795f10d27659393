"""Whose call goes next when a node is full, with the requests that Open WebUI makes."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import jwt
import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import MODEL, Heard
from tests.gateway.door import Door, gateway, header
from tests.open_webui.requests import Recorded, recorded
from tests.waiting import until

pytestmark = pytest.mark.real
SECRET = "a secret that both sides know, of 32 bytes and more"
CHAT, TITLE, TAGS, FOLLOW_UP = (recorded(name) for name in ("chat", "title_task", "tags_task", "follow_up_task"))


@pytest.fixture(scope="module")
def node() -> Iterator[FakeNode]:
    with Fleet(1) as fleet:
        yield fleet.nodes[0]


@pytest.fixture
def full(node: FakeNode) -> Iterator[Door]:
    """A gateway whose only node has one place."""
    node.default()
    node.reset_counters()
    node.set(rate=40, answer_tokens=20)
    one = UpstreamSettings(name=node.name, url=node.url, slots=1)
    with gateway(node, upstreams=(one,), open_webui_secret=SECRET) as door:
        until(lambda: door.upstream(0).state == "healthy", what="the node is known")
        yield door


def signed(user: str) -> str:
    now = int(time.time())
    return jwt.encode({"sub": user, "iss": "open-webui", "iat": now, "exp": now + 300}, SECRET, algorithm="HS256")


class Asking:
    """Calls side by side, in the order in which they reach the gateway."""

    def __init__(self, door: Door, pool: ThreadPoolExecutor) -> None:
        self._door, self._pool = door, pool
        self.calls: list[Future[Heard]] = []

    def ask(self, request: Recorded, user: str, *, mark: str) -> None:
        """``mark`` is found again in the node's log."""
        self.show(request, signed(user), mark=mark)

    def show(self, request: Recorded, token: str, *, mark: str) -> None:
        headers = request.lower("x-openwebui-user-id") | {"x-openwebui-user-jwt": token}
        fields = request.fields | {"options": {"num_predict": 20, "mark": mark}}
        before = self._arrived()
        self.calls.append(self._pool.submit(self._door.ask, request.path, fields, timeout=60, **headers))
        until(lambda: self._arrived() > before, what=f"{mark} is at the gateway")

    def _arrived(self) -> int:
        return self._door.state().totals.requests

    def order(self, node: FakeNode) -> list[str]:
        """The marks in the order in which the node saw them, when all are answered."""
        assert {call.result().status for call in self.calls} == {200}
        return [row.body["options"]["mark"] for row in node.log() if row.path == "/api/chat"]


@pytest.fixture
def asking(full: Door) -> Iterator[Asking]:
    with ThreadPoolExecutor(12) as pool:
        yield Asking(full, pool)


def test_answer_that_a_person_waits_for_goes_before_titles_tags_and_follow_ups(asking: Asking, node: FakeNode) -> None:
    asking.ask(CHAT, "ana", mark="first")
    for request, mark in ((TITLE, "title"), (FOLLOW_UP, "follow-ups"), (TAGS, "tags")):
        asking.ask(request, "ana", mark=mark)
    asking.ask(CHAT, "rui", mark="chat")
    order = asking.order(node)
    assert order[:2] == ["first", "chat"]
    assert set(order[2:]) == {"title", "follow-ups", "tags"}


def test_people_behind_one_open_webui_take_turns(asking: Asking, node: FakeNode) -> None:
    asking.ask(CHAT, "zoe", mark="first")
    for number in range(4):
        asking.ask(CHAT, "ana", mark=f"ana-{number}")
    asking.ask(CHAT, "rui", mark="rui-0")
    order = asking.order(node)
    assert order.index("rui-0") <= 2, order
    assert [mark for mark in order if mark.startswith("ana")] == [f"ana-{number}" for number in range(4)]


def test_who_shows_a_forged_user_is_served_after_those_who_are_known(asking: Asking, node: FakeNode) -> None:
    asking.ask(CHAT, "zoe", mark="first")
    asking.ask(CHAT, "ana", mark="ana")
    asking.show(CHAT, signed("rui") + "x", mark="forged")
    asking.ask(CHAT, "rui", mark="rui")
    assert asking.order(node) == ["first", "ana", "rui", "forged"]


def test_a_chat_goes_to_the_node_that_had_it_when_prompts_do_not_tell() -> None:
    with Fleet(2) as fleet:
        fleet.set(answer_tokens=2)
        rows = tuple(UpstreamSettings(name=node.name, url=node.url, slots=4) for node in fleet.nodes)
        with gateway(upstreams=rows) as door:
            until(lambda: [row.state for row in door.state().upstreams] == ["healthy"] * 2)

            def asked(words: str, chat: str, **more: str) -> str:
                fields = {"model": MODEL, "messages": [{"role": "user", "content": words}], "stream": False}
                return header(door.ask("/api/chat", fields, x_openwebui_chat_id=chat, **more), "x-cluster-node")

            homes = {f"chat of {node.name}": node.name for node in fleet.nodes}
            for chat, home in homes.items():
                asked(f"{chat} begins", chat, x_cluster_node=home)
            for turn in range(3):
                for chat, home in homes.items():
                    assert asked(f"{turn}: another beginning in {chat}", chat) == home
