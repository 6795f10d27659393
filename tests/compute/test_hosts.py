"""Workers on other hosts, each with its own network: what happens when cables, power and schedulers fail."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.compute.staying import LONGEST_PAUSE, Waiting, pause_after
from tests.compute.parts import LAUNCHER, PATIENCE
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.lan.running import Running
from tests.pki.members import Members
from tests.waiting import until

SCHEDULER, DASHBOARD, WORKER = 8786, 8787, 8790
CLIENT = Path(__file__).with_name("remote_client.py")


class House:
    """A head with a scheduler, and machines with a worker each; every one of them in a network of its own."""

    def __init__(self, lan: Lan, folder: Path) -> None:
        self.folder = folder
        self.members = Members(folder / "pki", time.time())
        self.head = lan.machine("head")
        self.machines = {name: lan.machine(name) for name in ("one", "two")}
        self.scheduler: Running
        self.workers: dict[str, Running] = {}
        self._stores = {"head": str(self.members.head().folder)}
        for number, name in enumerate(self.machines, 1):
            self._stores[name] = str(self.members.node(number)[0].folder)

    def start_scheduler(self) -> None:
        seat = {"port": SCHEDULER, "dashboard_port": DASHBOARD, "outward": [self.head.address, self._stores["head"]]}
        self.scheduler = self._start(self.head, "scheduler", seat)
        self.scheduler.says("scheduler listens", seconds=PATIENCE)

    def start_worker(self, name: str, **more: Any) -> None:
        machine = self.machines[name]
        post = {
            "name": f"{name}-0",
            "ports": [WORKER, WORKER + 1],
            "scheduler": f"tls://{self.head.address}:{SCHEDULER}",
            "outward": [machine.address, self._stores[name]],
            **more,
        }
        self.workers[name] = self._start(machine, "machine", post)

    def _start(self, machine: Machine, kind: str, said: dict[str, Any]) -> Running:
        scratch = self.folder / f"scratch-{machine.name}"
        scratch.mkdir(exist_ok=True)
        return machine.start([sys.executable, LAUNCHER, kind, json.dumps({**said, "scratch": str(scratch)})])

    def ask(self, what: str, *words: str) -> Any:
        """What ``remote_client.py`` on the head answers; it speaks to the scheduler in the clear, on loopback."""
        return json.loads(self.head.run([sys.executable, CLIENT, what, *words]).stdout)

    def names(self) -> list[str]:
        return list(self.ask("names"))

    def client(self, what: str, *words: str) -> subprocess.Popen[str]:
        argv = self.head.entering([sys.executable, CLIENT, what, *words], user="root", env={})
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with Lan(folder / "lan") as lan:
        found = House(lan, folder)
        found.start_scheduler()
        for name in found.machines:
            found.start_worker(name)
        yield found


@pytest.fixture
def whole(house: House) -> Iterator[House]:
    """The house with both workers there, and mended afterwards."""
    until(lambda: sorted(house.names()) == ["one-0", "two-0"], seconds=120, what="both workers")
    yield house
    for machine in house.machines.values():
        machine.cable.heal()
        machine.thaw()


@pytest.mark.real
def test_tasks_run_on_every_host_and_nothing_but_tls_is_open_to_the_lan(whole: House) -> None:
    assert whole.ask("hosts") == {"one-0": "one", "two-0": "two"}
    lan_side = {port for address, port in whole.head.listening() if address != "127.0.0.1"}
    assert lan_side == {SCHEDULER}
    one = whole.machines["one"]
    assert one.listening() == {(one.address, WORKER), (one.address, WORKER + 1)}
    assert one.reach(SCHEDULER, of=whole.head) == "open"
    with one.socket() as sock:
        sock.settimeout(5)
        sock.connect((whole.head.address, SCHEDULER))
        sock.sendall(bytes(64))
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(100) == b""
        assert time.monotonic() - began < 4, "not by the end of its time"


def removed_in(house: House, name: str, fault: Callable[[], None]) -> float:
    """Seconds from the fault to the worker's removal; its tasks are done by the others meanwhile."""
    job = house.client("job", "16", "0.5")
    assert job.stdout
    assert job.stdout.readline() == "submitted\n"
    time.sleep(1)
    began = time.monotonic()
    fault()
    told = house.scheduler.says(f'"worker": "{name}"', seconds=PATIENCE)
    seen = time.monotonic() - began
    assert "it and its nanny are silent" in told
    out, _ = job.communicate(timeout=PATIENCE)
    assert json.loads(out) == list(range(16)), "no task is lost"
    return seen


@pytest.mark.slow
@pytest.mark.real
def test_cable_that_is_pulled_is_seen_in_seconds_and_its_worker_comes_back(whole: House) -> None:
    two = whole.machines["two"]
    seen = removed_in(whole, "two-0", two.cable.pull)
    print(f"cable out: removed after {seen:.1f} s")
    two.cable.heal()
    began = time.monotonic()
    until(lambda: sorted(whole.names()) == ["one-0", "two-0"], seconds=120, what="it comes back")
    print(f"back {time.monotonic() - began:.1f} s after the cable")


@pytest.mark.real
@pytest.mark.slow
def test_frozen_machine_is_seen_in_seconds(whole: House) -> None:
    one = whole.machines["one"]
    seen = removed_in(whole, "one-0", one.freeze)
    print(f"frozen: removed after {seen:.1f} s")
    one.thaw()
    until(lambda: sorted(whole.names()) == ["one-0", "two-0"], seconds=120, what="it comes back")


def after(running: Running, start: int) -> str:
    return running.output()[start:]


@pytest.mark.slow
@pytest.mark.real
def test_workers_outlive_their_scheduler_and_wait_for_it_quietly(whole: House) -> None:
    before = {name: len(running.output()) for name, running in whole.workers.items()}
    whole.scheduler.kill()
    for name, running in whole.workers.items():
        news = partial(after, running, before[name])
        until(lambda: "connection refused" in news(), seconds=PATIENCE, what="it knows that nobody is there")  # noqa: B023 - called at once
    lines = {name: running.output().count("\n") for name, running in whole.workers.items()}
    time.sleep(8)
    for name, running in whole.workers.items():
        assert running.alive
        assert running.output().count("\n") == lines[name], "nobody fills a log with waiting"
    whole.start_scheduler()
    began = time.monotonic()
    until(lambda: sorted(whole.names()) == ["one-0", "two-0"], seconds=120, what="both come back")
    print(f"both back {time.monotonic() - began:.1f} s after the scheduler")


@pytest.mark.real
@pytest.mark.slow
def test_map_goes_on_after_its_scheduler_was_lost(whole: House) -> None:
    job = whole.client("mapped", whole.head.address, str(whole.folder), "40")
    assert job.stdout
    assert job.stdout.readline() == "submitted\n"
    time.sleep(1.5)
    whole.scheduler.kill()
    whole.start_scheduler()
    out, _ = job.communicate(timeout=90)
    assert json.loads(out.splitlines()[-1]) == list(range(40)), "every line once"


@pytest.mark.real
def test_workers_that_do_not_see_the_files_or_reach_the_gateway_take_no_part(whole: House) -> None:
    shared = whole.folder / "texts"
    shared.mkdir()
    (shared / "a.txt").write_text("one two\n" * 1000)
    assert whole.ask("counted", str(shared))["words"] == 2000
    # The home folder of a machine is its own: that of the head is at no other.
    own = whole.machines["one"].inside("/etc/only-here")
    own.write_text("three four five\n")
    whole.head.inside("/etc/only-here").write_text("three four five\n")
    os.utime(whole.head.inside("/etc/only-here"), ns=(own.stat().st_atime_ns, own.stat().st_mtime_ns))
    found = whole.ask("counted", "/etc/only-here")
    assert (found["words"], found["left_out"], found["skipped"]) == (3, ["two-0"], {})
    assert set(found["shares"]) == {"one-0"}
    assert "no worker of this machine reaches the gateway" in whole.ask("unreachable", str(whole.folder))


def test_pauses_grow_to_a_bound_and_are_spread() -> None:
    assert [pause_after(n, spread=0.0) for n in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert pause_after(10_000, spread=0.0) == LONGEST_PAUSE
    assert pause_after(0, spread=1.0) == 0.75


def test_what_is_waited_for_is_said_once_and_again_when_it_changes() -> None:
    waiting = Waiting()
    said = [waiting.went_wrong(why, now=now) for why, now in (("a", 0), ("a", 10), ("b", 20), ("b", 30), ("b", 3700))]
    assert said == [True, False, True, False, True]
    assert waiting.tries == 5
    waiting.went_well()
    assert waiting.went_wrong("b", now=3701)
