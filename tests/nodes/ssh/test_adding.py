"""A machine is added over SSH as a whole, or not at all."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.ssh import keys as cluster_keys
from cluster_ai.nodes.ssh.add import Added, add
from cluster_ai.nodes.ssh.causes import AlreadyThere, CommandFailed, DidNotReport, NoDisk, NotFit
from cluster_ai.nodes.ssh.host_keys import HostKeys
from cluster_ai.nodes.ssh.probe import Needs, Probed
from cluster_ai.nodes.ssh.steps import Crew, Invited, OwnKey, Sign, Stage, Step
from cluster_ai.nodes.ssh.undo import Undo
from tests.nodes.ssh.conftest import Serve, enter
from tests.nodes.ssh.server import Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.anyio]

SECRET = "0123456789abcdef.secret"
INSTALLER = b"""#!/bin/sh
# Stands in for the real one: the same doors, nothing behind them but a few files.
case "$*" in
  *--uninstall*) rm -f "$HOME/installed"; echo uninstalled >>"$HOME/story"; exit 0 ;;
esac
read -r line
printf '%s\\n' "$line" >"$HOME/line"
ps -eo args >"$HOME/processes"
echo "$*" >"$HOME/argv"
printf 'step \\033[31mone\\033[0m\\nhalf a '
sleep 0.2
echo line
echo warning >&2
status=$(cat "$HOME/fail" 2>/dev/null || echo 0)
[ "$status" != slow ] || trap 'echo told >>"$HOME/story"; exit 1' TERM
touch "$HOME/installed"
while [ "$status" = slow ]; do sleep 0.1; done
[ "$status" = 0 ] || echo "it failed with $status" >&2
exit "$status"
"""


@dataclass
class World:
    """The rest of the cluster, as far as an addition sees it."""

    home: Path
    reports: bool = True
    bundle: bytes = b""
    revoked: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    async def make(self) -> Invited:
        return Invited("42", f"https://192.0.2.1:8443/join?ca=ab#{SECRET}")

    async def revoke(self, invited: Invited) -> None:
        self.revoked.append(invited.id)

    async def first(self, _invited: Invited) -> str:
        while not self.reports:
            await asyncio.sleep(1)
        await asyncio.to_thread(until, (self.home / "installed").exists)
        return "shelf"

    async def files(self, _found: Probed) -> Mapping[str, bytes | Path]:
        return {"install_unified.sh": INSTALLER} | ({"bundle.tar": self.bundle} if self.bundle else {})

    def program(self, found: Probed) -> str:
        return f"{found.home}/bin/cluster-ai"

    def signs(self, stage: Stage) -> list[tuple[Sign, str]]:
        return [(step.sign, step.text) for step in self.steps if step.stage is stage]

    def left(self) -> set[str]:
        """What lies on the machine, of all that an addition may leave."""
        return {path.name for path in (self.home / ".cache").glob("*")} | (
            {"installed"} if (self.home / "installed").exists() else set()
        )


@pytest.fixture
def machine(serve: Serve) -> Server:
    return serve()


@pytest.fixture
def world(machine: Server) -> World:
    return World(machine.home)


def crew(world: World, **more: object) -> Crew:
    return Crew(world, world, world, **{"needs": Needs(disk=0), "report_seconds": 20.0, **more})  # type: ignore[arg-type]


async def adding(world: World, machine: Server, keys: HostKeys, identity: Path, **more: object) -> Added:
    async with enter(machine, keys, identity) as session:
        return await add(session, crew(world, **more), world.steps.append)


async def test_it_is_installed_reported_and_given_the_clusters_key(
    world: World, machine: Server, keys: HostKeys, user_key: Path, tmp_path: Path
) -> None:
    public = await asyncio.to_thread(cluster_keys.ensure, tmp_path / "ssh-key", "cluster-ai@head")
    world.bundle = b"x" * 100_000
    added = await adding(world, machine, keys, user_key, key=OwnKey(public, ("127.0.0.1",)))
    assert (added.name, added.found.user) == ("shelf", "owner")
    assert world.left() == {"installed"}
    assert world.revoked == []
    begun = [step.stage for step in world.steps if step.sign is Sign.BEGUN]
    assert begun == [Stage.PROBE, Stage.CHECK, Stage.INVITE, Stage.COPY, Stage.INSTALL, Stage.REPORT, Stage.KEY]
    said = [text for sign, text in world.signs(Stage.INSTALL) if sign is Sign.SAID]
    assert {"step  [31mone [0m", "half a line", "warning"} == set(said)
    moved = [step for step in world.steps if step.sign is Sign.MOVED and step.text == "bundle.tar"]
    assert (moved[-1].done, moved[-1].total) == (100_000, 100_000)
    assert "--offline" in (machine.home / "argv").read_text()
    async with enter(machine, keys, tmp_path / "ssh-key") as session:
        assert (await session.run(["id"])).status == 126


async def test_whose_service_ends_with_its_last_session_is_told(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    assert (await adding(world, machine, keys, user_key)).stays, "a service of the machine, or none of systemd's"
    unit = machine.home / ".config/systemd/user/cluster-ai.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert not (await adding(world, machine, keys, user_key)).stays


async def test_the_join_line_is_never_in_an_argument(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    await adding(world, machine, keys, user_key)
    assert SECRET in (machine.home / "line").read_text()
    assert SECRET not in (machine.home / "processes").read_text()
    assert "--offline" not in (machine.home / "argv").read_text()


async def test_a_failed_installation_is_taken_back(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    (machine.home / "fail").write_text("1")
    with pytest.raises(CommandFailed, match="it failed with 1") as caught:
        await adding(world, machine, keys, user_key)
    assert caught.value.status == 1
    assert (world.left(), world.revoked) == (set(), ["42"])
    assert world.signs(Stage.UNDO) == [
        (Sign.DONE, "installation"),
        (Sign.DONE, "copied_files"),
        (Sign.DONE, "join_line"),
    ]


async def test_what_the_installer_took_back_itself_is_not_taken_back_twice(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    (machine.home / "fail").write_text("11")
    with pytest.raises(CommandFailed):
        await adding(world, machine, keys, user_key)
    assert not (machine.home / "story").exists()
    assert world.revoked == ["42"]


async def test_what_was_there_before_is_not_taken_away(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    (machine.home / "bin").mkdir()
    (machine.home / "bin" / "cluster-ai").touch()
    (machine.home / "fail").write_text("1")
    with pytest.raises(CommandFailed):
        await adding(world, machine, keys, user_key)
    assert not (machine.home / "story").exists()
    assert world.left() == {"installed"}


async def test_a_machine_that_was_ours_before_is_told_apart(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    (machine.home / "bin").mkdir()
    (machine.home / "bin" / "cluster-ai").touch()
    world.reports = False
    with pytest.raises(AlreadyThere):
        await adding(world, machine, keys, user_key, report_seconds=0.5)
    assert world.revoked == ["42"]
    assert not (machine.home / "story").exists()


async def test_a_machine_that_stays_silent_is_taken_out_again(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    world.reports = False
    with pytest.raises(DidNotReport):
        await adding(world, machine, keys, user_key, report_seconds=0.5)
    assert (world.left(), world.revoked) == (set(), ["42"])
    assert (machine.home / "story").read_text() == "uninstalled\n"


async def test_one_who_gives_up_leaves_nothing(world: World, machine: Server, keys: HostKeys, user_key: Path) -> None:
    (machine.home / "fail").write_text("slow")
    task = asyncio.create_task(adding(world, machine, keys, user_key))
    await asyncio.to_thread(until, (machine.home / "installed").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (world.left(), world.revoked) == (set(), ["42"])
    assert (machine.home / "story").read_text() == "told\nuninstalled\n"


async def test_a_machine_that_lacks_something_is_not_touched(
    world: World, machine: Server, keys: HostKeys, user_key: Path
) -> None:
    with pytest.raises(NoDisk):
        await adding(world, machine, keys, user_key, needs=Needs(disk=2**60))
    with pytest.raises(NotFit) as caught:
        await adding(world, machine, keys, user_key, needs=Needs(disk=2**60, python=(9, 9)))
    assert {one.code for one in caught.value.findings} == {"ssh_no_disk", "ssh_old_python"}
    assert not (machine.home / ".cache").exists()
    assert world.steps[-1] == Step(Stage.CHECK, Sign.BEGUN)


async def test_taking_back_goes_on_after_a_failure() -> None:
    done: list[str] = []
    told: list[tuple[str, bool]] = []

    async def back(what: str) -> None:
        if what == "second":
            raise ClusterError("no")
        done.append(what)

    async def fail() -> None:
        async with Undo(lambda what, problem: told.append((what, problem is None))) as undo:
            for what in ("first", "second", "third"):
                undo.note(what, lambda what=what: back(what))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert done == ["third", "first"]
    assert told == [("third", True), ("second", False), ("first", True)]


async def test_what_is_kept_is_not_taken_back() -> None:
    async def never() -> None:
        raise AssertionError

    async def fail() -> None:
        async with Undo(lambda _what, _problem: None) as undo:
            undo.note("it", never)
            undo.keep()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
