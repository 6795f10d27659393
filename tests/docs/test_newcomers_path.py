"""What a newcomer does on the first evening, as the README tells it, in a network of machines of its own.

    pytest -s -m slow tests/docs/test_newcomers_path.py

says how many seconds each step took: the table of docs/reference/performance.md. Packages are fetched before, outside of
that network, which leads nowhere.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs.cloned import cloned
from tests.lan.booted import BootedMachine
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.lan.running import Running
from tests.lan.wheels import stock
from tests.open_webui.program import START_SECONDS, OpenWebUI, text
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(2400)]

MODEL = "smollm2:135m"
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
CHAT = f"curl -sf -D /dev/stderr localhost:11435/api/chat -d '{json.dumps(QUESTION)}'"
PASSWORD = "a password that was chosen 7"
PORTS = {8000, 11435, 11436, 8786, 8787, 3000}


@dataclass
class Newcomer:
    """Somebody at the machine ``home``, with a second machine ``attic`` that they reach by SSH."""

    tree: Path
    home: Machine
    attic: BootedMachine
    data: Path
    key: Path
    took: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        since = time.monotonic()
        yield
        self.took[name] = time.monotonic() - since

    @property
    def env(self) -> dict[str, str]:
        # The clone's own program, not that of the checkout whose tests these are.
        return {"CLUSTER_AI_HOME": str(self.data), "PYTHONPATH": "", "NO_COLOR": "1"}

    def types(self, command: str, *, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """A line of shell in the clone's folder, to its end; it must succeed."""
        return self.home.run(["bash", "-c", f"cd {self.tree} && {command}"], env=self.env, given=given, seconds=400)

    def leaves_running(self, command: str) -> Running:
        return self.home.start(["bash", "-c", f"cd {self.tree} && exec {command}"], env=self.env)

    def nodes(self) -> dict[str, str]:
        told = json.loads(self.types("./manager.sh node ls --json").stdout)["items"]
        return {node["name"]: node["state"] for node in told}

    def listening(self) -> set[int]:
        return {port for _, port in self.home.listening()}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    data = folder / "data"
    stock(data)
    with Lan(folder / "lan") as lan:
        home, attic = lan.machine("home"), lan.booted("attic")
        yield Newcomer(cloned(folder / "cluster-ai"), home, attic, data, lan.key)


def fetch(newcomer: Newcomer, name: str, *command: str) -> None:
    with newcomer.step(name):
        subprocess.run(command, cwd=newcomer.tree, check=True, timeout=900)


def test_it_starts_and_answers(newcomer: Newcomer) -> None:
    fetch(newcomer, "environment and packages", "scripts/setup/environment.sh", "runtime")
    fetch(newcomer, "dashboard", "scripts/setup/dashboard.sh")
    with newcomer.step("start"):
        said = newcomer.types("./manager.sh start").stdout
    assert "Sign in as admin with the password" in said
    with newcomer.step("first answer"):
        assert '"done":true' in newcomer.types(CHAT).stdout
    with newcomer.step("dashboard's page"):
        assert "<html" in newcomer.types("curl -sf localhost:8000").stdout


def test_a_second_machine_joins_and_serves(newcomer: Newcomer) -> None:
    with newcomer.step("password, open, restart"):
        newcomer.types("./manager.sh auth set-password", given=f"{PASSWORD}\n")
        newcomer.types("./manager.sh node open && ./manager.sh restart")
    attic = newcomer.attic
    with newcomer.step("second machine added over SSH"):
        way = f"--identity {newcomer.key} --fingerprint {attic.fingerprint}"
        added = newcomer.types(f"./manager.sh node add owner@attic {way}")
    # Its system ends what a user's services do with the last session, as small ones without polkit do.
    allow = "sudo loginctl enable-linger owner"
    assert f"ssh -t owner@attic {allow}" in added.stderr
    with newcomer.step("allowed to stay, and serving"):
        attic.run(allow.split(), user="owner")
        until(lambda: newcomer.nodes().get("attic") == "healthy", seconds=120, what="it serves")
        answer = newcomer.types(f"{CHAT} -H 'X-Cluster-Node: attic'")
        assert "x-cluster-node: attic" in answer.stderr.lower()
    # Its Python may be another release of the same 3.x, which is nothing to a person.
    assert "Mismatch" not in newcomer.types("./manager.sh run-example words examples/texts").stderr
    assert "DASK WORKERS  1" in newcomer.types("./manager.sh node show attic").stdout


def test_open_webui_chats_through_the_cluster(newcomer: Newcomer) -> None:
    fetch(newcomer, "Open WebUI installed", "scripts/setup/open_webui.sh")
    page = OpenWebUI(3000, "")
    with newcomer.step("Open WebUI's page"):
        serving = newcomer.leaves_running("scripts/setup/open_webui.sh serve")
        until(lambda: newcomer.home.within(page.is_up), seconds=START_SECONDS, what="it answers")
    with newcomer.step("Open WebUI: account and answer"):
        answer = newcomer.home.within(lambda: chat(page.signed_up()))
    assert text(answer).strip()
    serving.end(40)


def chat(ui: OpenWebUI) -> bytes:
    assert MODEL in ui.models()
    status, answer = ui.request("POST", "/api/chat/completions", QUESTION | {"stream": True})
    assert status == 200, answer
    return answer


def test_an_objective_and_a_plan(newcomer: Newcomer) -> None:
    with newcomer.step("objective"):
        newcomer.types("./manager.sh slo create chat --target 99 --days 30")
        newcomer.types(CHAT)
        assert "chat" in newcomer.types("./manager.sh slo list").stdout
    with newcomer.step("plan, to its end"):
        newcomer.types("./manager.sh plan submit examples/plan.toml --wait")
    with newcomer.step("its result"):
        assert json.loads(newcomer.types("./manager.sh ticket show greeting").stdout.splitlines()[-1])["text"]


def test_it_stops_and_starts_again(newcomer: Newcomer) -> None:
    with newcomer.step("stop"):
        newcomer.types("./manager.sh stop")
    assert not newcomer.listening() & PORTS
    assert not [one for one in newcomer.home.pids() if "cluster_ai" in " ".join(one.cmdline())]
    with newcomer.step("second start"):
        newcomer.types("./manager.sh start")
    with newcomer.step("second start: answer"):
        assert '"done":true' in newcomer.types(CHAT).stdout
    newcomer.types("./manager.sh stop")
    print()
    for name, seconds in newcomer.took.items():
        print(f"{seconds:7.1f} s  {name}")
