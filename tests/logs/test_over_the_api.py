"""Searching and following over HTTP, as operators may."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backend.policy import allows, rule_of
from cluster_ai.core.principals import Role
from tests.backend.running import Api, running_api
from tests.logs.writing import line, write
from tests.waiting import until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "home"


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[Api]:
    with running_api(home) as running:
        yield running


def stamp(ago: float = 0) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))


def asked(api: Api, path: str = "", **query: Any) -> Any:
    with api.local() as client:
        return client.get(f"/api/v1/logs{path}", params=query).json()


def collected(api: Api, query: str, count: int) -> list[dict[str, Any]]:
    def all_of_them() -> list[dict[str, Any]] | None:
        answer = asked(api, q=query)
        # A store that is busy says so, and when to ask again.
        assert "items" in answer or answer["status"] == 503, answer
        found: list[dict[str, Any]] = answer.get("items", [])
        return found if len(found) == count else None

    return until(all_of_them, what=f"{count} lines of {query}")


def test_what_parts_write_is_found_in_pages(api: Api, home: Path) -> None:
    write(home / "logs/gateway.log", *(line(f"paged {n}", at=stamp(), model="m") for n in range(7)))
    write(home / "logs/scheduler.log", line("paged other", level="error", at=stamp(), node="n1"))
    items = collected(api, "paged", 8)
    assert {item["part"] for item in items} == {"gateway", "scheduler"}
    assert items[0]["at"] == pytest.approx(time.time(), abs=60)
    page = asked(api, q="paged part:gateway", limit=5)
    assert [item["text"] for item in page["items"]] == [f"paged {n}" for n in range(6, 1, -1)]
    rest = asked(api, q="paged part:gateway", limit=5, before=page["next"])
    assert [item["text"] for item in rest["items"]] == ["paged 1", "paged 0"]
    assert rest["next"] is None
    assert page["items"][0]["fields"] == {"model": "m"}
    assert page["items"][0]["node"] == "box"
    assert [item["node"] for item in asked(api, q="paged level:error")["items"]] == ["n1"]
    assert page["kept"]["lines"] >= 8
    assert page["kept"]["lost_bytes"] == 0


def test_counts_per_minute(api: Api, home: Path) -> None:
    write(home / "logs/gateway.log", *(line("counted", at=stamp(ago), level="warning") for ago in (0, 0, 600, 7200)))
    collected(api, "counted", 4)
    counts = asked(api, "/counts", q="counted", minutes=60)
    assert (counts["step_seconds"], counts["steps"]) == (60, 60)
    assert sum(item["lines"] for item in counts["items"]) == 3
    assert sum(item["warnings"] for item in counts["items"]) == 3
    day = asked(api, "/counts", q="counted", minutes=1440)
    assert day["step_seconds"] == 360
    assert sum(item["lines"] for item in day["items"]) == 4
    assert day["first"] + day["steps"] * day["step_seconds"] > time.time()


@pytest.mark.parametrize("path", ["", "/counts", "/tail"])
def test_a_search_that_cannot_be_read_is_refused_with_a_sentence(api: Api, path: str) -> None:
    with api.local() as client:
        answer = client.get(f"/api/v1/logs{path}", params={"q": "user:me"})
        assert answer.status_code == 422
        problem = answer.json()
        assert (problem["code"], problem["detail"]) == ("bad_log_query", "there is no filter user:")
        assert "level, part, node" in problem["hint"]
        assert client.get(f"/api/v1/logs{path}", params={"q": "x" * 501}).status_code == 422


def test_following(api: Api, home: Path) -> None:
    write(home / "logs/gateway.log", line("followed 1", at=stamp()))
    (first,) = collected(api, "followed", 1)
    with (
        api.local() as client,
        client.stream("GET", "/api/v1/logs/tail", params={"q": "followed -3", "after": first["number"]}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        write(
            home / "logs/gateway.log", *(line(f"followed {n}", at=stamp()) for n in (2, 3, 4)), line("else", at=stamp())
        )
        seen = []
        for event in httpx2.EventSource(answer):
            if event.data:
                seen.append((event.event, json.loads(event.data)["data"]["text"], int(event.id)))
            if len(seen) == 2:
                break
    assert [text for _, text, _ in seen] == ["followed 2", "followed 4"]
    assert {topic for topic, _, _ in seen} == {"log"}
    assert seen[1][2] == seen[0][2] + 2


def test_logs_are_for_operators() -> None:
    for path in ("", "/counts", "/tail"):
        rule = rule_of("GET", f"/api/v1/logs{path}")
        assert rule is not None
        assert not allows(rule, role=Role.USER, scopes=frozenset())
        assert allows(rule, role=Role.OPERATOR, scopes=frozenset())


def test_metrics_of_the_store(api: Api, home: Path) -> None:
    write(home / "logs/gateway.log", line("measured", at=stamp()))
    collected(api, "measured", 1)
    with api.local() as client:
        text = client.get("/metrics").text
    assert "cluster_ai_logs_up 1.0" in text
    assert float(text.split("\ncluster_ai_logs_lines_total ")[1].split("\n")[0]) >= 1


def test_without_its_store_the_api_says_so_and_comes_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    blocked = home / "logs/store.db"
    blocked.mkdir(parents=True)
    (blocked / "in the way").touch()
    (home / "logs/store.db.broken").mkdir()
    (home / "logs/store.db.broken/x").touch()
    with running_api(home) as api, api.local() as client:
        answer = client.get("/api/v1/logs")
        assert answer.status_code == 503
        assert "log store cannot be used" in answer.json()["detail"]
        assert client.get("/api/v1/overview").status_code == 200
