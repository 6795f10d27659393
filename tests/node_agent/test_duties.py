"""Leaving a cluster, and trying another version of the program."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from cluster_ai import __version__
from cluster_ai.core.errors import Unavailable, Unsupported
from cluster_ai.core.paths import Home
from cluster_ai.node_agent.duties import open_duties
from cluster_ai.node_agent.leaving import Leaving
from cluster_ai.node_agent.upgrading import Installed, upgrade
from cluster_ai.nodes.bundle import switch
from cluster_ai.nodes.types import Done, Order
from cluster_ai.supervisor.types import SupervisorView


class Supervisor:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.stopped = asyncio.Event()

    async def status(self) -> SupervisorView:
        return SupervisorView(pid=1, version="1", home="/", started_at=0.0, ready=True)

    async def restart(self, part: str) -> None:
        self.told.append(part)

    async def stop(self) -> None:
        self.stopped.set()


def version(prefix: Path, name: str) -> None:
    """One that was unfolded to its end."""
    folder = prefix / "versions" / name
    folder.mkdir(parents=True)
    (folder / "version.json").write_text("{}")
    os.utime(folder / "version.json", ns=(0, len(list(folder.parent.iterdir())) * 10**9))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    prefix = tmp_path / "prefix"
    version(prefix, "1.0-aaa")
    version(prefix, "2.0-bbb")
    switch.flip(prefix, "1.0-aaa")
    return Installed(prefix, tmp_path / "home")


def test_a_machine_is_out_before_it_tells_and_ends_after() -> None:
    async def story() -> list[str]:
        happened: list[str] = []
        supervisor = Supervisor()
        leaving = Leaving(supervisor, lambda: happened.append("out"), lambda: happened.append("closed"), 0.2)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(leaving.follow())
            await leaving.leave()
            happened.append("told")
            await supervisor.stopped.wait()
            happened.append("stopped")
            await following
        return happened

    assert asyncio.run(story()) == ["out", "told", "closed", "stopped"]


def test_a_checkout_is_not_upgraded_from_afar(tmp_path: Path) -> None:
    with pytest.raises(Unsupported):
        asyncio.run(upgrade(Installed(None, tmp_path), Supervisor().stop))
    assert Installed(None, tmp_path).version() == __version__


def test_a_head_that_cannot_be_reached_leaves_everything_as_it_is(installed: Installed) -> None:
    with pytest.raises(Unavailable) as refused:
        asyncio.run(upgrade(installed, Supervisor().stop))
    assert "no certificate" in refused.value.message
    assert installed.version() == "1.0-aaa"


def test_a_version_is_confirmed_once_the_head_has_heard_from_it(installed: Installed) -> None:
    assert installed.prefix is not None
    switch.begin_trial(installed.prefix, "2.0-bbb")
    assert installed.version() == "2.0-bbb"
    installed.confirm()
    assert switch.trial(installed.prefix) is None
    assert installed.went_back() == ""


def test_an_upgrade_whose_version_went_back_tells_so_after_the_restart(installed: Installed, tmp_path: Path) -> None:
    assert installed.prefix is not None
    home = Home(tmp_path / "home")
    order = Order(id="o-1", verb="upgrade")

    async def life() -> Done:
        async with open_duties(home, Supervisor(), installed) as duties:
            return await duties.do(order)

    before = {"id": "o-1", "verb": "upgrade", "boot_id": "b", "version": "1.0-aaa", "life": "earlier"}
    home.data.mkdir(parents=True)
    (home.data / "orders.json").write_text(json.dumps({"orders": [before]}))
    switch.begin_trial(installed.prefix, "2.0-bbb")
    switch.roll_back(installed.prefix)
    assert "2.0-bbb was tried" in asyncio.run(life()).error

    (home.data / "orders.json").write_text(json.dumps({"orders": [before]}))
    switch.begin_trial(installed.prefix, "2.0-bbb")
    assert asyncio.run(life()) == Done(order="o-1")
