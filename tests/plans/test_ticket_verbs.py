"""``cluster-ai ticket create`` and ``approve`` on an API of real parts."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.running import running_api
from tests.plans.test_verbs import Desk

pytestmark = pytest.mark.real
WHOLE = """
type = "INFER"
description = "from the file"
[parameters]
model = "smollm2:135m"
prompt = "hello"
[metadata]
service = "chat"
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_api(Path(tmp_path_factory.mktemp("tickets")) / "home") as api:
        yield Desk(api, tmp_path_factory.mktemp("files"))


def shown(desk: Desk, ticket_id: str) -> dict:
    found = json.loads(desk.said("ticket", "show", ticket_id, "--json"))
    assert found["schema_version"] == 1
    return found


def test_a_command_becomes_a_ticket(desk: Desk) -> None:
    options = ("--priority", "high", "--risk", "low", "--retries", "1", "--timeout", "2.5", "--description", "why")
    ticket_id = desk.said("ticket", "create", "sort", *options, "--", "/bin/sort", "-u").strip()
    found = shown(desk, ticket_id)
    assert (found["task_id"], found["task_type"], found["description"]) == ("sort", "EXECUTE", "why")
    assert (found["priority"], found["risk_band"]) == ("HIGH", "low")
    assert (found["sla"]["max_retries"], found["sla"]["timeout_ms"]) == (1, 2500)
    assert found["parameters"]["argv"] == ["/bin/sort", "-u"]


def test_a_file_says_what_the_options_do_not(desk: Desk) -> None:
    file = desk.folder / "ticket.toml"
    file.write_text(WHOLE)
    words = ("ticket", "create", "ask", "--from", str(file), "-p", "prompt=good night", "--key", "k", "--json")
    first = json.loads(desk.said(*words))
    assert (first["schema_version"], first["is_first"]) == (1, True)
    again = json.loads(desk.said(*words))
    assert (again["is_first"], again["ticket_ids"]) == (False, first["ticket_ids"])
    found = shown(desk, first["ticket_ids"]["ask"])
    assert (found["task_type"], found["description"]) == ("INFER", "from the file")
    assert (found["parameters"]["prompt"], found["parameters"]["model"]) == ("good night", "smollm2:135m")
    assert found["metadata"] == {"service": "chat"}


def test_what_is_wrong_is_refused_before_anything_is_stored(desk: Desk) -> None:
    before = len(json.loads(desk.said("ticket", "list", "--json"))["items"])
    for words, text in (
        (("a",), "--type"),
        (("a", "--type", "infer", "--", "/bin/true"), "INFER"),
        (("a", "--type", "NONSENSE"), "type"),
        (("a", "-p", "no pair", "--", "/bin/true"), "no pair"),
    ):
        done = desk.cli("ticket", "create", *words)
        assert (done.returncode, text in done.stderr, done.stdout) == (2, True, ""), done.stderr
    assert len(json.loads(desk.said("ticket", "list", "--json"))["items"]) == before


def test_what_is_held_goes_on_when_somebody_says_yes(desk: Desk) -> None:
    ticket_id = desk.said("ticket", "create", "careful", "--approval", "--", "/bin/true").strip()
    assert shown(desk, ticket_id)["metadata"] == {"approval": "required"}
    early = desk.cli("ticket", "approve", ticket_id)
    assert (early.returncode, "careful is ready" in early.stderr) == (1, True), early.stderr
    desk.api.served.run(desk.api.plane.work.tickets.hold(ticket_id, owner=None, by="boss"))
    assert ticket_id in desk.said("ticket", "list", "--status", "frozen")
    assert json.loads(desk.said("ticket", "approve", "careful", "--json"))["status"] == "ready"
    history = json.loads(desk.said("ticket", "history", ticket_id, "--json"))
    assert [entry["type"] for entry in history["entries"]] == ["created", "blocked", "ready"]
    assert desk.cli("ticket", "approve", ticket_id).returncode == 1
    assert desk.cli("ticket", "approve", "nobody").returncode == 2
