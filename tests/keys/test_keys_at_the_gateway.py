"""Keys, limits and usage at the real gateway process, in front of fake nodes."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cluster_ai.core.db import Database, open_database, sqlite_url
from cluster_ai.core.migrate import upgrade
from cluster_ai.core.paths import Home
from cluster_ai.keys.records import Span
from cluster_ai.keys.service import Keys
from cluster_ai.keys.types import KeyView, LimitsWanted
from tests.fakes.fleet import Fleet
from tests.gateway.conftest import HELLO, QUICK, Answer, Gateway, serving
from tests.keys.conftest import Ring, add_user, remove_user, wanted
from tests.waiting import until

pytestmark = pytest.mark.real
T = TypeVar("T")
UNKNOWN = "cai_aaaaaaaa_" + "A" * 43
OTHER_MODEL = "all-minilm:latest"


class Desk(Ring):
    """Does to the gateway's database what the API does."""

    def __init__(self, home: Home) -> None:
        super().__init__(sqlite_url(home.database), now=time.time())

    def do(self, deed: Callable[[Keys, Database], Awaitable[T]]) -> T:
        async def work() -> T:
            async with open_database(self.url, on_fatal=pytest.fail) as database:
                return await deed(Keys(database, chance=self.chance()), database)

        return asyncio.run(work())

    def make(self, name: str, **fields: Any) -> tuple[str, KeyView]:
        made = self.do(lambda keys, _: keys.create(wanted(name, **fields), owner_id=None))
        return made.secret, made.key

    def revoke(self, key: KeyView) -> None:
        self.do(lambda keys, _: keys.revoke(key.id))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Desk]]:
    folder = tmp_path_factory.mktemp("keys")
    with Fleet(2) as fleet, serving(folder, fleet, anonymous="off", **QUICK) as gateway:
        upgrade(sqlite_url(gateway.home.database))
        until(lambda: chat(gateway, UNKNOWN).status == 401, what="the keys are read")
        yield gateway, Desk(gateway.home)


@pytest.fixture
def gateway(running: tuple[Gateway, Desk]) -> Gateway:
    gateway, _ = running
    gateway.fleet.default()
    gateway.settled(healthy=2)
    return gateway


@pytest.fixture
def desk(running: tuple[Gateway, Desk]) -> Desk:
    return running[1]


def chat(gateway: Gateway, secret: str, **fields: Any) -> Answer:
    return gateway.ask("POST", "/api/chat", HELLO | {"stream": False} | fields, authorization=f"Bearer {secret}")


def comes_in(gateway: Gateway, secret: str) -> None:
    until(lambda: chat(gateway, secret).status == 200, seconds=5, what="a new key is known")


def test_without_a_key_every_dialect_says_so_in_its_own_shape(gateway: Gateway) -> None:
    for path in ("/api/chat", "/v1/chat/completions", "/v1/messages"):
        for headers in ({}, {"authorization": "Bearer ollama"}, {"x_api_key": UNKNOWN}):
            answer = gateway.ask("POST", path, HELLO | {"max_tokens": 5}, **headers)
            assert answer.status == 401, (path, headers, answer.body)
            assert answer.headers["www-authenticate"] == "Bearer"
            error = answer.json["error"]
            said = error if isinstance(error, str) else error["message"]
            assert "key" in said
    for path in ("/api/tags", "/api/ps", "/v1/models", "/api/version", "/v1/models/smollm2:135m"):
        assert gateway.ask("GET", path).status == 401
    assert gateway.ask("POST", "/api/pull", {"model": "x"}).status == 401
    for path in ("/", "/health"):
        assert gateway.ask("GET", path).status == 200


def test_key_opens_every_door_by_either_header_and_never_reaches_a_node(gateway: Gateway, desk: Desk) -> None:
    secret, _ = desk.make("opens")
    comes_in(gateway, secret)
    for headers in ({"authorization": f"Bearer {secret}"}, {"x_api_key": secret}):
        for path in ("/api/chat", "/v1/chat/completions"):
            assert gateway.ask("POST", path, HELLO, x_forwarded_for="1.2.3.4", **headers).status == 200
        assert gateway.ask("GET", "/api/tags", **headers).json["models"]
    seen = [row for node in gateway.fleet.nodes for row in node.log()]
    assert seen
    names = {name.lower() for row in seen for name in row.headers}
    assert not names & {"authorization", "x-api-key", "x-forwarded-for", "cookie"}
    assert not [row for row in seen if secret in str(row.headers)]


def test_our_own_processes_come_in_by_the_internal_token(gateway: Gateway) -> None:
    assert chat(gateway, gateway.home.internal_secret()).status == 200


def test_a_key_is_good_from_the_moment_it_is_made(gateway: Gateway, desk: Desk) -> None:
    assert [chat(gateway, desk.make(f"new {number}")[0]).status for number in range(5)] == [200] * 5


def test_revoked_key_is_refused_within_a_second(gateway: Gateway, desk: Desk) -> None:
    secret, key = desk.make("revoked")
    comes_in(gateway, secret)
    desk.revoke(key)
    began = time.monotonic()
    until(lambda: chat(gateway, secret).status == 401, what="it is refused")
    took = time.monotonic() - began
    assert took < 5.0, "half a second between looks; the rest is a busy machine"
    assert [chat(gateway, secret).status for _ in range(5)] == [401] * 5


def test_keys_end_with_their_owner(gateway: Gateway, desk: Desk) -> None:
    desk.do(lambda _, database: add_user(database, "leaver"))
    secret, _ = desk.make("of somebody who leaves", owner="leaver")
    comes_in(gateway, secret)
    desk.do(lambda _, database: remove_user(database, "user-leaver"))
    until(lambda: chat(gateway, secret).status == 401, what="it is refused")


def test_key_sees_and_uses_only_its_models(gateway: Gateway, desk: Desk) -> None:
    secret, _ = desk.make("narrow", models=["smollm2*"])
    comes_in(gateway, secret)
    mine = {"authorization": f"Bearer {secret}"}
    for path, field, name in (("/api/tags", "models", "name"), ("/v1/models", "data", "id")):
        assert {row[name] for row in gateway.ask("GET", path, **mine).json[field]} == {"smollm2:135m"}
    assert gateway.ask("GET", "/v1/models/smollm2:135m", **mine).status == 200
    assert gateway.ask("GET", f"/v1/models/{OTHER_MODEL}", **mine).status == 404
    for path, body in (
        ("/api/embed", {"model": OTHER_MODEL, "input": "x"}),
        ("/api/show", {"model": OTHER_MODEL}),
        ("/v1/embeddings", {"model": OTHER_MODEL, "input": "x"}),
        ("/api/chat", HELLO | {"model": "no-such-model"}),
    ):
        answer = gateway.ask("POST", path, body, **mine)
        assert answer.status == 403, (path, answer.body)
        assert b"model_not_allowed" in answer.body or b"may not use" in answer.body
    assert gateway.ask("POST", "/api/pull", {"model": "smollm2:135m"}, **mine).status == 403, "needs models:write"


def test_limit_passes_exactly_so_many_and_says_when_it_ends(gateway: Gateway, desk: Desk) -> None:
    secret, _ = desk.make("limited", limits=LimitsWanted(requests_per_day=4))
    comes_in(gateway, secret)
    answers = [chat(gateway, secret) for _ in range(6)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429, 429]
    refused = answers[-1]
    assert "4 requests in a day" in refused.json["error"]
    assert "UTC" in refused.json["error"]
    assert 1 <= int(refused.headers["retry-after"]) <= 86_400
    openai = gateway.ask("POST", "/v1/chat/completions", HELLO, authorization=f"Bearer {secret}")
    assert (openai.status, openai.json["error"]["code"]) == (429, "limit_reached")
    assert gateway.ask("GET", "/api/tags", authorization=f"Bearer {secret}").status == 200, "lists cost nothing"


def test_tokens_used_are_those_that_count(gateway: Gateway, desk: Desk) -> None:
    secret, key = desk.make("tokens", limits=LimitsWanted(tokens_per_day=100_000))
    comes_in(gateway, secret)

    def used() -> int:
        rows = desk.do(lambda keys, _: keys.usage("key", span=Span(key_id=key.id)))
        return sum(row.prompt_tokens + row.output_tokens for row in rows)

    counted = until(used, seconds=5, what="usage is stored")
    few = 10 * counted
    small, _ = desk.make("small", limits=LimitsWanted(tokens_per_day=few))
    listed = {"authorization": f"Bearer {small}"}
    until(lambda: gateway.ask("GET", "/api/tags", **listed).status == 200, what="it is known")
    # By the prompt alone, which is all that is known before a call, far more of them would pass.
    assert counted > 20
    assert [chat(gateway, small).status for _ in range(12)] == [200] * 10 + [429] * 2


def test_usage_is_stored_by_key_model_node_and_day(gateway: Gateway, desk: Desk) -> None:
    secret, key = desk.make("counted")
    comes_in(gateway, secret)
    before = time.time()
    for _ in range(5):
        assert chat(gateway, secret).status == 200
    assert chat(gateway, secret, model="no-such-model-" + "x" * 40).status == 404

    def rows(by: str) -> dict[str, Any]:
        found = desk.do(lambda keys, _: keys.usage(by, span=Span(key_id=key.id)))
        return {row.name: row for row in found}

    until(lambda: sum(row.requests for row in rows("model").values()) >= 7, seconds=5, what="usage is stored")
    models = rows("model")
    assert set(models) == {"smollm2:135m", ""}, "what somebody typed is not kept"
    assert models["smollm2:135m"].errors == 0
    assert models["smollm2:135m"].output_tokens > 0
    assert (models[""].requests, models[""].errors) == (1, 1)
    assert set(rows("node")) <= {node.name for node in gateway.fleet.nodes} | {""}
    assert list(rows("day")) == [time.strftime("%Y-%m-%d", time.gmtime(before))]
    seen = desk.do(lambda keys, _: keys.get(key.id)).last_used_at
    assert seen is not None
    assert before - 5 <= seen <= time.time()


def test_hostile_credentials_never_reach_anything(gateway: Gateway) -> None:
    hostile = [
        "Bearer " + UNKNOWN,
        "Bearer cai_' OR '1'='1",
        "Bearer " + "A" * 20_000,
        "Bearer cai_" + "\xff" * 50,
        "bearer\tcai_x",
        "Basic Y2FpXzpjYWlf",
        "Bearer null",
        "Bearer undefined",
    ]
    for text in hostile:
        for name in ("authorization", "x_api_key"):
            with contextlib.suppress(ConnectionError):
                assert gateway.ask("POST", "/api/chat", HELLO, **{name: text}).status in {400, 401, 431}, text
    assert not [row for node in gateway.fleet.nodes for row in node.log() if row.path == "/api/chat"]


def test_gateway_without_a_database_serves_this_machine_and_asks_holders_to_wait(tmp_path: Path) -> None:
    with Fleet(1) as fleet, serving(tmp_path, fleet, **QUICK) as gateway:
        gateway.settled(healthy=1)
        assert gateway.chat().status == 200
        assert gateway.ask("POST", "/api/chat", HELLO, x_forwarded_for="10.0.0.1").status == 401
        waiting = chat(gateway, UNKNOWN)
        assert (waiting.status, "retry-after" in waiting.headers) == (503, True)
        upgrade(sqlite_url(gateway.home.database))
        until(lambda: chat(gateway, UNKNOWN).status == 401, what="the keys are read")
        secret, _ = Desk(gateway.home).make("late")
        comes_in(gateway, secret)


def test_keys_known_stand_while_the_database_is_away(tmp_path: Path) -> None:
    with Fleet(1) as fleet, serving(tmp_path, fleet, anonymous="off", **QUICK) as gateway:
        upgrade(sqlite_url(gateway.home.database))
        desk = Desk(gateway.home)
        secret, key = desk.make("stays")
        comes_in(gateway, secret)

        async def rename(_keys: Keys, database: Database, *, old: str, new: str) -> None:
            async with database.transaction() as connection:
                await connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

        desk.do(lambda keys, database: rename(keys, database, old="api_keys", new="gone"))
        until(lambda: "keys cannot be read" in (tmp_path / "gateway.log").read_text(), what="it is noticed")
        assert [chat(gateway, secret).status for _ in range(5)] == [200] * 5
        desk.do(lambda keys, database: rename(keys, database, old="gone", new="api_keys"))
        desk.revoke(key)
        until(lambda: chat(gateway, secret).status == 401, what="it is refused again")
        assert (tmp_path / "gateway.log").read_text().count("keys cannot be read") == 1
