"""``cluster-ai slo change`` and ``slo silence`` on an API of real parts, the silences in a real Alertmanager."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.cli.silences import matcher
from cluster_ai.core.errors import InvalidInput
from cluster_ai.slo.types import SloSettings
from tests.backend.running import running_api
from tests.keys.test_verbs import Desk
from tests.ports import free_port
from tests.slo.neighbours import alertmanager

pytestmark = pytest.mark.real
V1 = "/api/v1"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, port = tmp_path_factory.mktemp("verbs"), free_port()
    settings = SloSettings(evaluate_seconds=600, count_seconds=60, alertmanager_url=f"http://127.0.0.1:{port}")
    token = folder / "token"
    token.write_text("t")
    with (
        alertmanager(folder, port, webhook="http://127.0.0.1:1/", token=token),
        running_api(Path(folder) / "home", slo=settings) as api,
    ):
        yield Desk(api)


def answer(desk: Desk, *words: str, code: int = 0) -> dict[str, Any]:
    done = desk.cli("slo", *words, "--json")
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def test_an_objective_is_changed_and_the_rest_of_it_stays(desk: Desk) -> None:
    answer(desk, "create", "chat", "--target", "99.9", "--days", "30", "--model", "tiny:1b")
    changed = answer(desk, "change", "chat", "--target", "99", "--faster-than", "2.5")["objective"]
    assert (changed["target"], changed["window_days"], changed["slo_type"]) == (0.99, 30, "LATENCY")
    assert (changed["sli_query"]["model"], changed["sli_query"]["threshold_seconds"]) == ("tiny:1b", 2.5)
    assert answer(desk, "change", "chat", "--off")["objective"]["enabled"] is False
    told = desk.cli("slo", "change", "chat", "--on", "--name", "Chat")
    assert "The objective chat was changed" in told.stderr
    assert "O objetivo chat foi alterado" in desk.cli("--lang", "pt-BR", "slo", "change", "chat", "--days", "7").stderr
    found = answer(desk, "show", "chat")["objective"]
    assert (found["name"], found["enabled"], found["window_days"], found["target"]) == ("Chat", True, 7, 0.99)
    nothing = desk.cli("slo", "change", "chat")
    assert (nothing.returncode, "nothing was said" in nothing.stderr) == (2, True)
    assert "slo_not_found" in desk.cli("slo", "change", "nobody", "--days", "7").stderr


def test_a_change_by_somebody_who_saw_another_is_refused(desk: Desk) -> None:
    with desk.api.local() as client:
        body = {"slo_id": "race", "name": "race", "target": 0.9, "window_days": 7}
        assert client.post(f"{V1}/slos", json=body).status_code == 201
        seen = client.get(f"{V1}/slos/race")
        old, fields = seen.headers["ETag"], seen.json()["objective"]
        first = client.put(f"{V1}/slos/race", json=fields | {"target": 0.8}, headers={"If-Match": old})
        assert first.status_code == 200, first.text
        assert first.headers["ETag"] == client.get(f"{V1}/slos/race").headers["ETag"] != old
        late = client.put(f"{V1}/slos/race", json=fields | {"target": 0.7}, headers={"If-Match": old})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        assert client.get(f"{V1}/slos/race").json()["objective"]["target"] == 0.8
        for careless in ({}, {"If-Match": "*"}):
            assert client.put(f"{V1}/slos/race", json=fields, headers=careless).status_code == 200


def test_a_silence_is_made_shown_and_ended(desk: Desk) -> None:
    made = answer(
        desk, "silence", "add", "slo=chat", "severity!=page", "--reason", "a new disk goes in", "--minutes", "5"
    )
    [listed] = answer(desk, "silence", "list")["items"]
    assert (listed["id"], listed["state"], listed["comment"]) == (made["id"], "active", "a new disk goes in")
    table = desk.cli("slo", "silence", "list")
    assert table.returncode == 0, table.stderr
    assert made["id"] in table.stdout
    ended = desk.cli("slo", "silence", "remove", made["id"])
    assert (ended.returncode, "has ended" in ended.stderr) == (0, True), ended.stderr
    assert answer(desk, "silence", "list")["items"] == []
    wrong = desk.cli("slo", "silence", "add", "chat", "--reason", "because")
    assert (wrong.returncode, "slo=chat" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("slo=chat", ("slo", "chat", False, True)),
        ("slo!=a=b", ("slo", "a=b", False, False)),
        ("slo=~chat.*", ("slo", "chat.*", True, True)),
        ("slo!~x|y", ("slo", "x|y", True, False)),
        ("slo=", ("slo", "", False, True)),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them(text: str, wanted: tuple[object, ...]) -> None:
    found = matcher(text)
    assert (found["name"], found["value"], found["isRegex"], found["isEqual"]) == wanted


@pytest.mark.parametrize("text", ["slo", "", "=chat", "7=x", "a-b=c"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        matcher(text)
