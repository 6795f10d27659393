"""Orders are done once, whatever happens between doing one and remembering it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster_ai.core.errors import Conflict
from cluster_ai.node_agent.ledger import MOST_KEPT, MOST_TRIES, Entry, Ledger, Present, begun
from cluster_ai.node_agent.orders import Deeds, Orders, restart_parts
from cluster_ai.node_agent.rebooting import CannotReboot, reboot
from cluster_ai.nodes.types import Done, Order
from cluster_ai.supervisor.types import PartState, PartView, SupervisorView

ROOT = Path(__file__).parents[2]
NOW = Present(boot_id="boot-1", version="1.0", life="life-1")


class Agent:
    """Lives of one agent, each a process."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "orders.json"

    def live(self, verb: str, *, boot: str = "boot-1", version: str = "1.0", killed: str = "never") -> Done | None:
        """None when it was killed."""
        script = str(Path(__file__).with_name("ordered.py"))
        done = subprocess.run(
            [sys.executable, script, str(self.ledger), boot, version, verb, killed],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (0 if killed == "never" else -9) or not done.stderr, done.stderr
        return Done.model_validate_json(done.stdout.splitlines()[-1]) if done.returncode == 0 else None

    def deeds(self) -> list[str]:
        try:
            return [line.strip() for line in self.ledger.with_suffix(".deeds").read_text().splitlines()]
        except FileNotFoundError:
            return []


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


@pytest.mark.real
def test_a_machine_that_restarts_as_ordered_does_not_restart_again(agent: Agent) -> None:
    assert agent.live("reboot", killed="after") is None
    assert agent.live("reboot", boot="boot-2") == Done(order="o-1")
    assert agent.live("reboot", boot="boot-3") == Done(order="o-1"), "told again, done no more"
    assert agent.deeds() == ["reboot"]


@pytest.mark.real
def test_a_kill_before_the_deed_leaves_it_to_be_done(agent: Agent) -> None:
    assert agent.live("leave", killed="before") is None
    assert agent.deeds() == []
    assert agent.live("leave") == Done(order="o-1")
    assert agent.live("leave") == Done(order="o-1")
    assert agent.deeds() == ["leave"]


@pytest.mark.real
def test_a_machine_that_dies_of_an_order_is_not_killed_by_it_for_ever(agent: Agent) -> None:
    for _ in range(MOST_TRIES):
        assert agent.live("reboot", killed="after") is None
    told = agent.live("reboot", killed="after")
    assert told is not None
    assert "3 times" in told.error
    assert len(agent.deeds()) == MOST_TRIES


def entry(verb: str, argument: str = "", *, tries: int = 1) -> Entry:
    order = {"id": "o", "verb": verb, "argument": argument, "boot_id": "boot-1", "version": "1.0", "life": "life-1"}
    return Entry.model_validate(order | {"tries": tries})


@pytest.mark.parametrize(
    ("before", "present", "is_done"),
    [
        (entry("reboot"), Present("boot-2", "1.0", "life-2"), True),
        (entry("reboot"), Present("boot-1", "1.0", "life-2"), False),
        (entry("restart"), Present("boot-1", "1.0", "life-2"), True),
        (entry("upgrade", "2.0"), Present("boot-1", "2.0", "life-2"), True),
        (entry("upgrade"), Present("boot-1", "2.0", "life-2"), True),
        (entry("upgrade", "2.0"), Present("boot-1", "1.0", "life-2"), False),
        (entry("upgrade", "2.0"), Present("boot-1", "1.5", "life-2"), False),
        (entry("upgrade", "2.0"), Present("boot-1", "2.0-3f2a-py3.11-x86_64", "life-2"), True),
        (entry("leave"), Present("boot-2", "1.0", "life-2"), False),
    ],
)
def test_a_later_life_sees_by_what_changed_whether_it_was_done(
    before: Entry, present: Present, *, is_done: bool
) -> None:
    found = begun(Order(id="o", verb=before.verb, argument=before.argument), before, present)
    assert found.done == is_done
    assert found.error == ""
    assert found.tries == (1 if is_done else 2)


def test_a_version_that_went_back_is_not_tried_again() -> None:
    present = Present("boot-1", "1.0", "life-2", went_back="2.0")
    found = begun(Order(id="o", verb="upgrade"), entry("upgrade"), present)
    assert found.done
    assert "2.0 was tried" in found.error


def orders(folder: Path, deed: Callable[[], None], **more: float) -> Orders:
    async def do(_argument: str = "") -> None:
        deed()

    return Orders(Ledger(folder / "orders.json"), Deeds(do, do, do, do), NOW, **more)


def test_a_reason_goes_back_to_the_head_and_is_remembered(tmp_path: Path) -> None:
    asked = []

    def refuse() -> None:
        asked.append(1)
        raise Conflict("not now", hint="later")

    mine = orders(tmp_path, refuse)
    for _ in range(2):
        assert asyncio.run(mine.do(Order(id="a", verb="leave"))) == Done(order="a", error="not now (later)")
    assert len(asked) == 1


def test_an_order_that_nobody_knows_is_answered(tmp_path: Path) -> None:
    told = asyncio.run(orders(tmp_path, list).do(Order(id="a", verb="dance")))
    assert "dance" in told.error


def test_a_machine_that_does_not_go_down_says_so(tmp_path: Path) -> None:
    told = asyncio.run(orders(tmp_path, list, going_seconds=0.05).do(Order(id="a", verb="reboot")))
    assert "not gone down" in told.error


def test_what_cannot_be_remembered_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "orders.json").mkdir()
    asked: list[int] = []
    told = asyncio.run(orders(tmp_path, lambda: asked.append(1)).do(Order(id="a", verb="reboot")))
    assert "cannot be written down" in told.error
    assert asked == []
    assert [path.name for path in tmp_path.iterdir()] == ["orders.json"], "no draft is left behind"


def test_orders_wait_for_each_other(tmp_path: Path) -> None:
    running = most = 0

    async def deed(_argument: str = "") -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    async def both() -> None:
        mine = Orders(Ledger(tmp_path / "orders.json"), Deeds(deed, deed, deed, deed), NOW)
        await asyncio.gather(*(mine.do(Order(id=f"o{number}", verb="leave")) for number in range(5)))

    asyncio.run(both())
    assert most == 1


def test_the_ledger_forgets_the_oldest_and_bears_damage(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "orders.json")
    named = [entry("leave").model_copy(update={"id": f"o{number}"}) for number in range(MOST_KEPT + 5)]
    page = {"orders": [one.model_dump() for one in named[:MOST_KEPT]]}
    (tmp_path / "orders.json").write_text(json.dumps(page))
    for one in named[MOST_KEPT:]:
        ledger.write(one)
    assert ledger.find("o4") is None
    assert ledger.find("o5") is not None
    (tmp_path / "orders.json").write_bytes(b'{"orders": [{"id"')
    assert ledger.find("o5") is None
    ledger.write(entry("leave"))
    assert ledger.find("o") is not None


class Supervisor:
    def __init__(self, *names: str) -> None:
        self._names = names
        self.restarted: list[str] = []

    async def status(self) -> SupervisorView:
        parts = tuple(PartView(name=name, state=PartState.READY) for name in self._names)
        return SupervisorView(pid=1, version="1", home="/", started_at=0.0, ready=True, parts=parts)

    async def restart(self, part: str) -> None:
        self.restarted.append(part)


def test_all_parts_are_restarted_and_the_agent_last() -> None:
    supervisor = Supervisor("node", "agent", "worker-0")
    asyncio.run(restart_parts(supervisor, "", own_seconds=0.0))
    assert supervisor.restarted == ["node", "worker-0", "agent"]


def test_one_part_is_restarted_alone() -> None:
    supervisor = Supervisor("node", "agent")
    asyncio.run(restart_parts(supervisor, "node"))
    assert supervisor.restarted == ["node"]


def command(folder: Path, name: str, *, says: str = "", code: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\necho "{says}" >&2\nexit {code}\n')
    script.chmod(0o755)


def test_a_user_whom_polkit_refuses_goes_by_sudo(tmp_path: Path) -> None:
    command(tmp_path / "bin", "systemctl", says="Interactive authentication required.", code=1)
    command(tmp_path / "bin", "sudo")
    asyncio.run(reboot(path=f"{tmp_path}/bin:/usr/bin:/bin", is_root=False))
    assert (tmp_path / "bin/log").read_text().splitlines() == [
        "systemctl --no-ask-password reboot",
        "sudo -n systemctl reboot",
    ]


def test_a_refusal_says_why_and_what_to_grant(tmp_path: Path) -> None:
    command(tmp_path / "bin", "systemctl", says="Interactive authentication required.", code=1)
    command(tmp_path / "bin", "sudo", says="sudo: a password is required", code=1)
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    with pytest.raises(CannotReboot) as refused:
        asyncio.run(reboot(path=f"{tmp_path}/bin", is_root=False))
    for word in ("Interactive authentication required", "a password is required", "doas is not there"):
        assert word in refused.value.message
    assert "/etc/polkit-1/rules.d/50-cluster-ai.rules" in refused.value.hint
    assert "org.freedesktop.login1.reboot" in refused.value.hint
