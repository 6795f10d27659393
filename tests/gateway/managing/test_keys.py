"""Who may change models where keys are asked for: those with the scope, and only models that their key reaches."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster_ai.core.db import sqlite_url
from cluster_ai.core.migrate import upgrade
from tests.fakes.fleet import Fleet
from tests.gateway.conftest import QUICK, Gateway, serving
from tests.keys.conftest import Ring, wanted
from tests.waiting import until

pytestmark = pytest.mark.real
BLOB = "/api/blobs/sha256:" + "0" * 64


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that lets nobody in without a key."""
    with Fleet(2) as fleet, serving(tmp_path_factory.mktemp("keys"), fleet, anonymous="off", **QUICK) as gateway:
        upgrade(sqlite_url(gateway.home.database))
        yield gateway


@pytest.fixture(scope="module")
def key(closed: Gateway) -> Callable[..., dict[str, str]]:
    """Makes a key that the gateway knows, and answers its header."""
    ring = Ring(sqlite_url(closed.home.database), now=time.time())

    async def made(name: str, fields: dict[str, Any]) -> str:
        async with ring.opened() as (keys, _):
            return (await keys.create(wanted(name, **fields), owner_id=None)).secret

    def make(name: str, **fields: Any) -> dict[str, str]:
        shown = {"authorization": f"Bearer {asyncio.run(made(name, fields))}"}
        until(lambda: closed.ask("GET", "/api/tags", **shown).status == 200, what="the key is known")
        return shown

    return make


def test_only_keys_with_the_scope_change_models(closed: Gateway, key: Callable[..., dict[str, str]]) -> None:
    reader = key("reader")
    for method, path, fields in (
        ("POST", "/api/pull", {"model": "new:1b"}),
        ("DELETE", "/api/delete", {"model": "smollm2:135m"}),
        ("POST", BLOB, b"x"),
    ):
        assert closed.ask(method, path, fields).status == 401
        refused = closed.ask(method, path, fields, **reader)
        assert (refused.status, refused.json["code"]) == (403, "scope_missing")
    writer = key("writer", scopes=["models:use", "models:write"])
    assert closed.ask("POST", "/api/pull", {"model": "new:1b"}, **writer).lines[-1] == {"status": "success"}
    assert closed.ask("DELETE", "/api/delete", {"model": "new:1b"}, **writer).status == 200
    seen = [row.headers for node in closed.fleet.nodes for row in node.log()]
    assert writer["authorization"] not in str(seen)


def test_a_key_of_some_models_changes_only_those(closed: Gateway, key: Callable[..., dict[str, str]]) -> None:
    mine = key("narrow", scopes=["models:use", "models:write"], models=["mine*"])
    for path, fields in (
        ("/api/pull", {"model": "new:1b"}),
        ("/api/copy", {"source": "smollm2:135m", "destination": "mine"}),
        ("/api/copy", {"source": "mine", "destination": "new"}),
        ("/api/create", {"model": "mine", "from": "smollm2:135m"}),
        ("/api/push", {"model": "smollm2:135m"}),
    ):
        refused = closed.ask("POST", path, fields, **mine)
        assert (refused.status, refused.json["code"]) == (403, "model_not_allowed"), fields
    assert closed.ask("DELETE", "/api/delete", {"model": "smollm2:135m"}, **mine).status == 403
    assert closed.ask("POST", "/api/pull", {"model": "mine:1b"}, **mine).lines[-1] == {"status": "success"}
    assert closed.ask("DELETE", "/api/delete", {"model": "mine:1b"}, **mine).status == 200
