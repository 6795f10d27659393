"""``cluster-ai plan`` and ``ticket`` on an API of real parts."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Deed, Frozen
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment

pytestmark = pytest.mark.real
CLI = (sys.executable, "-m", "cluster_ai.cli.main")
PLAN = """
name = "morning"
[[tickets]]
id = "a"
type = "EXECUTE"
parameters.argv = ["/bin/true"]
estimated_duration_ms = 1500
[[tickets]]
id = "b"
type = "EXECUTE"
depends_on = ["a"]
parameters.argv = ["/bin/true"]
"""


class Desk:
    """The verbs, on a data directory whose API listens where they look for it."""

    def __init__(self, api: Api, folder: Path) -> None:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        self.api = api
        self.folder = folder
        self.env = environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port), CLUSTER_AI_LANG="en")

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return cli(*words, env=self.env)

    def said(self, *words: str) -> str:
        done = self.cli(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def submit(self, text: str = PLAN, name: str = "plan.toml", *words: str) -> str:
        file = self.folder / name
        file.write_text(text)
        return self.said("plan", "submit", str(file), *words).strip()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_api(Path(tmp_path_factory.mktemp("verbs")) / "home") as api:
        yield Desk(api, tmp_path_factory.mktemp("files"))


def test_a_plan_is_handed_in_shown_steered_and_done_again(desk: Desk) -> None:
    plan_id = desk.submit(PLAN, "plan.toml", "--key", "k1")
    assert desk.submit(PLAN, "plan.toml", "--key", "k1") == plan_id
    assert plan_id in desk.said("plan", "list")
    shown = json.loads(desk.said("plan", "show", plan_id[-8:], "--json"))
    assert [ticket["task_id"] for ticket in shown["tickets"]] == ["a", "b"]
    graph = desk.said("plan", "graph", plan_id).splitlines()
    assert graph == ["* a [ready]", "*   b [waiting]  <- a"]
    for verb, status in (("pause", "paused"), ("resume", "submitted"), ("cancel", "cancelled")):
        assert desk.cli("plan", verb, plan_id).returncode == 0
        assert status in desk.said("plan", "show", plan_id)
    assert desk.cli("plan", "cancel", plan_id).returncode == 1
    again = desk.said("plan", "replay", plan_id).strip()
    assert again != plan_id
    assert desk.cli("plan", "verify", again).returncode == 0


def test_who_waits_for_a_plan_hears_how_it_ended(desk: Desk) -> None:
    plan_id = desk.submit()
    waiting = subprocess.Popen(
        [*CLI, "plan", "wait", plan_id[-8:], "--json"], env=desk.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert waiting.stderr is not None
    assert b"submitted" in waiting.stderr.readline(), "how far it is"
    assert desk.cli("plan", "cancel", plan_id).returncode == 0
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, json.loads(out)["status"]) == (1, "cancelled"), err
    again = desk.cli("plan", "wait", plan_id)
    assert (again.returncode, "The plan is cancelled." in again.stderr) == (1, True), again.stderr


def test_who_stops_waiting_stops_no_plan(desk: Desk) -> None:
    plan_id = desk.submit()
    waiting = subprocess.Popen([*CLI, "plan", "wait", plan_id], env=desk.env, stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    assert f"plan wait {plan_id}" in waiting.communicate(timeout=60)[1]
    assert waiting.returncode == 130
    assert "submitted" in desk.said("plan", "show", plan_id)


def test_tickets_are_listed_shown_and_steered(desk: Desk) -> None:
    plan_id = desk.submit()
    rows = json.loads(desk.said("ticket", "list", "--plan", plan_id, "--json"))["items"]
    first = rows[0]["ticket_id"]
    assert "PLAN" in desk.said("ticket", "ls")
    found = json.loads(desk.said("ticket", "ls", "--text", rows[1]["task_id"], "--state", "waiting", "--json"))
    assert found["schema_version"] == 1
    assert {one["task_id"] for one in found["items"]} == {rows[1]["task_id"]}, found["items"]
    assert json.loads(desk.said("ticket", "ls", "--text", "no such text", "--json"))["items"] == []
    assert desk.cli("ticket", "cancel", first).returncode == 0
    assert "cancelled" in desk.said("ticket", "show", first)
    newest = json.loads(desk.said("ticket", "list", "--json"))["items"]
    named = next(one for one in newest if one["task_id"] == rows[0]["task_id"])
    assert named["ticket_id"] in desk.said("ticket", "show", rows[0]["task_id"]), "by its name, the last that has it"
    nobody = desk.cli("ticket", "show", "nobody")
    assert (nobody.returncode, "is called nobody" in nobody.stderr) == (2, True), nobody.stderr
    assert desk.cli("ticket", "retry", first).returncode == 0
    history = json.loads(desk.said("ticket", "history", first, "--json"))
    assert [entry["type"] for entry in history["entries"]] == ["created", "cancelled", "ready"]
    assert "NO." in desk.said("ticket", "history", first)
    assert json.loads(desk.said("ticket", "revive", "--plan", plan_id, "--json")) == {
        "schema_version": 1,
        "ticket_ids": [],
    }


def test_what_is_wrong_is_said_with_the_exit_code_for_it(desk: Desk) -> None:
    wrong = desk.folder / "wrong.json"
    wrong.write_text('{"tickets": [{"id": "a", "type": "EXECUTE", "depends_on": ["a"]}]}')
    done = desk.cli("plan", "submit", str(wrong), "--check")
    assert (done.returncode, "a -> a" in done.stderr, "plan_cycle" in done.stderr) == (2, True, True)
    wrong.write_text("no json")
    assert desk.cli("plan", "submit", str(wrong)).returncode == 2
    assert desk.cli("plan", "submit", str(desk.folder / "nowhere.json")).returncode == 3
    assert desk.cli("plan", "show", "00000000-0000-0000-0000-000000000000").returncode == 3


def test_a_freeze_ends_with_a_code_of_its_own(desk: Desk) -> None:
    async def frozen(_connection: AsyncConnection, _deed: Deed) -> None:
        raise Frozen("the budget of chat is used up", hint="wait, or ask for an override")

    room = desk.api.plane.work.plans
    given = room._given
    room._given = replace(given, consent=frozen, check=lambda _kind, parameters: parameters)
    try:
        file = desk.folder / "deploy.json"
        file.write_text('{"tickets": [{"id": "a", "type": "DEPLOY"}]}')
        done = desk.cli("plan", "submit", str(file))
    finally:
        room._given = given
    assert done.returncode == 6
    assert "budget of chat" in done.stderr
