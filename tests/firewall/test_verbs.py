"""``cluster-ai firewall``: what a person and a program read."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_ai.firewall.kernel import Filter
from cluster_ai.firewall.rules import Policy
from cluster_ai.node_agent.membership import write_membership
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.types import AgentSettings, JoinRequest
from cluster_ai.pki.requests import new_key, request_for
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment
from tests.lan.lan import Lan
from tests.lan.machine import Machine

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home") as api:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        yield api


async def joined(api: Api, name: str, *addresses: str) -> None:
    members = api.plane.rooms.members
    _, token = await members.invitations.invite(by="owner", seconds=900)
    request = JoinRequest(
        name=name, request=request_for(new_key(), name), inventory=Inventory(hostname=name), addresses=addresses,
        port=11_437, sent_at=time.time(),
    )  # fmt: skip
    await members.fleet.join(request, token)


def test_dry_run_names_the_machines_that_have_joined_and_changes_nothing(api: Api) -> None:
    api.served.run(joined(api, "tower", "10.9.0.7", "tower.lan", "127.0.0.1"))
    env = environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port))
    before = Filter().in_force()
    done = cli("firewall", "apply", "--dry-run", "--from", "10.9.0.0/24", env=env)
    assert done.returncode == 0, done.stderr
    rules = [line.strip() for line in done.stdout.splitlines() if "tcp dport" in line]
    assert rules == [
        "ip saddr { 10.9.0.7 } tcp dport { 8786, 8787, 8790-8821, 11436, 11437 } accept",
        "tcp dport { 8786, 8787, 8790-8821, 11436, 11437 } counter drop",
        f"ip saddr {{ 10.9.0.0/24 }} tcp dport {{ {', '.join(map(str, sorted((8443, 8444, 11435, api.port))))} }} accept",
        f"tcp dport {{ {', '.join(map(str, sorted((8443, 8444, 11435, api.port))))} }} counter drop",
    ]
    assert Filter().in_force() == before
    wrong = cli("firewall", "apply", "--dry-run", "--from", "home", env=env)
    assert wrong.returncode
    assert "'home' is no network" in wrong.stderr


def test_machine_of_another_head_is_told_so(tmp_path: Path) -> None:
    told = AgentSettings(head=("https://10.0.0.1:8443",), node_id="x", name="tower", bind="10.0.0.2")
    write_membership(tmp_path / "membership.json", told)
    done = cli("firewall", "apply", env=environment(tmp_path))
    assert done.returncode
    assert "follows a head" in done.stderr


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        yield lan.machine("head")


def test_rules_are_shown_confirmed_and_removed(head: Machine, tmp_path: Path) -> None:
    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return head.within(lambda: cli("firewall", *words, env=environment(tmp_path)))

    nothing = ask("show")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "Nothing of ours" in nothing.stderr
    refused = ask("confirm")
    assert refused.returncode
    assert "nothing_on_trial" in refused.stderr
    policy = Policy(("10.9.0.7",), ((8786, 8786),), ((8443, 8443),))
    Filter(("ip", "netns", "exec", head.cable.space, "nft")).try_out(policy, seconds=600)
    shown = ask("show")
    assert "on trial  tcp dport 8786 counter drop" in shown.stdout
    assert " s left" in shown.stderr
    kept = ask("confirm")
    assert (kept.returncode, "These rules stay" in kept.stderr) == (0, True)
    told = json.loads(ask("show", "--json").stdout)
    assert told["standing"] == ["ip saddr 10.9.0.7 tcp dport 8786 accept", "tcp dport 8786 counter drop"]
    assert (told["tried"], told["seconds"]) == ([], 0)
    assert ask("remove").returncode == 0
    assert json.loads(ask("show", "--json").stdout)["standing"] == []
