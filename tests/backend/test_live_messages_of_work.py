"""Messages of plans and tickets come to whom the API's lists would show these: one door is as wide as the other."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from backend.caller import Caller
from backend.policy import API, WEBSOCKET, the_rule
from backend.sight import Sight
from backend.streams import QUIET_SECONDS, Gate, allowed_only
from cluster_ai.accounts import tables as accounts
from cluster_ai.core.bus import Message
from cluster_ai.core.errors import Forbidden
from cluster_ai.core.events import Event
from cluster_ai.core.principals import Channel, Principal, Role
from tests.backend.running import Api, running_api
from tests.plans.test_over_the_api import add_user

SAY = {"id": "a", "type": "EXECUTE", "parameters": {"argv": ["/bin/true"]}}
ROLES = {"ana": Role.USER, "bob": Role.USER, "vi": Role.VIEWER, "olga": Role.OPERATOR, "root": Role.ADMIN}
STREAM = the_rule(WEBSOCKET, f"{API}/stream")
WORK = "topics=plan,ticket"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    # The bus remembers a few hundred messages: pictures must not push out what happened.
    with running_api(tmp_path_factory.mktemp("live") / "home", tick_seconds=3600.0) as api:
        for name, role in ROLES.items():
            api.served.run(add_user(api, name, role))
        yield api


@pytest.fixture(scope="module")
def tokens(api: Api) -> dict[str, str]:
    return {name: api.token(username=name) for name in ROLES}


@pytest.fixture(scope="module")
def since(api: Api, tokens: dict[str, str]) -> int:
    """A cursor before what follows: a plan of ana's, one of bob's, and the end of each."""
    before = api.plane.bus.last_number
    for name in ("ana", "bob"):
        with client_of(api, tokens[name]) as client:
            made = client.post(f"{API}/plans", json={"name": f"of {name}", "tickets": [SAY]})
            assert made.status_code == 201, made.text
            assert client.post(f"{API}/plans/{made.json()['plan']['plan_id']}/cancel").status_code == 200
    return before


def client_of(api: Api, token: str) -> httpx2.Client:
    return api.client(Authorization=f"Bearer {token}")


def socket(api: Api, query: str, token: str) -> ClientConnection:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"ws://127.0.0.1:{api.port}/api/v1/stream?{query}"
    # With a bound, what nobody read stands in the way of the close frame, and closing waits for its time to be up.
    return connect(url, additional_headers=headers, proxy=None, max_queue=None)


def listed(api: Api, token: str) -> set[tuple[str, str]] | None:
    """(topic, id) of all plans and tickets that the lists show; None: they are refused."""
    found: set[tuple[str, str]] = set()
    with client_of(api, token) as client:
        for topic in ("plan", "ticket"):
            answer = client.get(f"{API}/{topic}s", params={"limit": 200})
            if answer.status_code == 403:
                return None
            found |= {(topic, one[f"{topic}_id"]) for one in answer.json()["items"]}
    return found


def heard(messages: Iterator[dict[str, Any]]) -> set[tuple[str, str]]:
    """What the messages tell of, up to the first that is younger than all of it."""
    found: set[tuple[str, str]] = set()
    for message in messages:
        if message["topic"] == "overview":
            return found
        found.add((message["topic"], message["data"]["subject"]))
    return found


def over_socket(api: Api, token: str, since: int) -> set[tuple[str, str]]:
    with socket(api, f"{WORK},overview&after={since}", token) as stream:
        api.tick()
        return heard(past(iter(lambda: json.loads(stream.recv(timeout=20)), None), api))


def over_events(api: Api, token: str, since: int) -> set[tuple[str, str]]:
    path = f"/api/v1/events?{WORK},overview&after={since}"
    with client_of(api, token) as client, client.stream("GET", path) as answer:
        api.tick()
        return heard(past((json.loads(one.data) for one in httpx2.EventSource(answer) if one.data), api))


def past(messages: Iterator[dict[str, Any]], api: Api) -> Iterator[dict[str, Any]]:
    """Leaves out the pictures among what happened: the first one after all of it is the end."""
    last = max(one.number for one in list(api.plane.bus._recent) if one.topic in {"plan", "ticket"})
    return (one for one in messages if one["topic"] != "overview" or one["number"] > last)


@pytest.mark.parametrize("name", ["ana", "bob", "olga", "root"])
@pytest.mark.parametrize("door", [over_socket, over_events])
def test_each_hears_of_what_their_lists_hold_and_of_nothing_else(
    api: Api, tokens: dict[str, str], since: int, name: str, door: Any
) -> None:
    shown = listed(api, tokens[name])
    assert shown
    assert door(api, tokens[name], since) == shown


def test_users_hear_of_their_own_and_operators_of_everybodys(api: Api, tokens: dict[str, str], since: int) -> None:
    ana, bob, olga = (over_socket(api, tokens[name], since) for name in ("ana", "bob", "olga"))
    assert ana.isdisjoint(bob)
    assert olga == ana | bob == over_socket(api, tokens["root"], since)


@pytest.mark.parametrize("topic", ["plan", "ticket"])
def test_who_may_not_list_them_may_not_ask_for_their_topic(api: Api, tokens: dict[str, str], topic: str) -> None:
    assert listed(api, tokens["vi"]) is None
    with client_of(api, tokens["vi"]) as client:
        answer = client.get(f"/api/v1/events?topics=overview,{topic}")
        assert (answer.status_code, answer.json()["code"]) == (403, client.get(f"{API}/{topic}s").json()["code"])
    with pytest.raises(InvalidStatus) as refused, socket(api, f"topics={topic}", tokens["vi"]):
        pass
    assert refused.value.response.status_code == 403


def test_who_names_no_topic_gets_those_that_are_theirs(api: Api, tokens: dict[str, str], since: int) -> None:
    def first(name: str) -> set[str]:
        with socket(api, f"after={since}", tokens[name]) as stream:
            api.tick()
            messages = past(iter(lambda: json.loads(stream.recv(timeout=20)), None), api)
            return {topic for topic, _ in heard(messages)}

    assert first("vi") <= {"events", "pulls"}
    assert first("ana") >= {"plan", "ticket"}


def test_a_token_that_does_not_reach_plans_hears_nothing_of_them(api: Api, since: int) -> None:
    narrow = api.token(username="ana", scopes=["cluster:read"])
    assert listed(api, narrow) is None
    with client_of(api, narrow) as client:
        assert client.get(f"/api/v1/events?{WORK}").status_code == 403
    wide = api.token(username="ana", scopes=["cluster:read", "plans:read"])
    assert over_socket(api, wide, since) == listed(api, wide)


def caller(role: Role, name: str = "ana") -> Caller:
    return Caller(Principal(id=name, name=name, role=role, channel=Channel.SESSION), "127.0.0.1")


def told(owner: str | None, form: Any = dict) -> Message:
    data = {} if owner is None else {"owner": owner}
    return Message(1, "ticket", form(id="e", type="ticket.ready", subject="t", at=1.0, data=data))


@pytest.mark.parametrize("form", [dict, Event])
def test_what_does_not_say_whose_it_is_is_for_operators(form: Any) -> None:
    for role, owner, shown in (
        (Role.USER, "ana", True),
        (Role.USER, "bob", False),
        (Role.USER, None, False),
        (Role.VIEWER, "ana", False),
        (Role.OPERATOR, None, True),
        (Role.ADMIN, "bob", True),
    ):
        assert Sight(caller(role), None, STREAM).shows(told(owner, form)) is shown, (role, owner)  # type: ignore[arg-type]


def test_a_role_that_changes_changes_what_an_open_stream_shows() -> None:
    now = [caller(Role.OPERATOR)]

    async def again() -> Caller:
        return now[0]

    async def story() -> None:
        sight = Sight(now[0], again, STREAM)
        assert sight.shows(told("bob"))
        now[0] = caller(Role.USER)
        await sight.renew()
        assert not sight.shows(told("bob"))
        now[0] = caller(Role.MACHINE)
        with pytest.raises(Forbidden):
            await sight.renew()

    asyncio.run(story())


def test_lines_of_a_ticket_end_for_who_may_read_it_no_more(tmp_path: Path) -> None:
    with running_api(tmp_path / "home", dispatching=True) as api:
        for name in ("ana", "olga"):
            api.served.run(add_user(api, name, ROLES[name]))
        with client_of(api, api.token(username="ana")) as ana:
            path = f"{API}/tickets/{ana.post(f'{API}/tickets', json=SAY).json()['ticket_ids']['a']}/logs"

        async def lowered() -> None:
            async with api.plane.rooms.database.transaction() as connection:
                mine = accounts.users.c.name == "olga"
                await connection.execute(accounts.users.update().where(mine).values(role=Role.USER.value))

        with client_of(api, api.token(username="olga")) as olga:
            with olga.stream("GET", path) as answer:
                assert answer.status_code == 200
                lines = answer.iter_lines()
                assert next(lines) == ": hello"
                api.served.run(lowered())
                assert "event: end" not in list(lines), "the ticket has not ended"
            assert olga.get(path).status_code == 404


def test_a_reader_of_whom_all_is_kept_gets_a_sign_of_life_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> list[Message | None]:
        clock = [time.monotonic()]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])

        async def source() -> Any:
            for _ in range(4):
                clock[0] += QUIET_SECONDS * 0.6
                yield told("bob")

        async def fine() -> None:
            return

        gate = Gate(fine, asyncio.Event(), Sight(caller(Role.USER), None, STREAM).shows)  # type: ignore[arg-type]
        return [message async for message in allowed_only(source(), gate)]

    assert asyncio.run(story()) == [None, None]
