"""A part that hands over to its next process: as a table of events, and with little real processes on one socket."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster_ai.core.sockets import HANDED, door_of, doors_in, handed_down, listening, sweep
from cluster_ai.supervisor.listeners import Listeners
from cluster_ai.supervisor.machine import (
    Answered,
    Ended,
    Event,
    IllegalTransition,
    Launched,
    Life,
    Missed,
    NotReplaced,
    Replaced,
    RollAsked,
    StopAsked,
    apply,
)
from cluster_ai.supervisor.types import PartSpec, PartState, SupervisorSettings
from tests.ports import free_port
from tests.supervisor.conftest import Little, python, until

POLICY = SupervisorSettings()
Start = Callable[..., Little]


def after(*events: Event, life: Life | None = None) -> Life:
    life = life or Life()
    for event in events:
        life = apply(life, event, now=0.0, policy=POLICY)
    return life


READY = after(Launched(7), Answered())


def test_a_part_stays_ready_until_the_next_process_is() -> None:
    rolling = after(RollAsked(), life=READY)
    assert (rolling.state, rolling.pid, rolling.rolling) == (PartState.READY, 7, True)
    done = after(Replaced(8), life=rolling)
    assert (done.state, done.pid, done.rolling, done.restarts) == (PartState.READY, 8, False, 1)


def test_a_process_that_did_not_become_ready_leaves_its_reason_and_the_old_one() -> None:
    stays = after(RollAsked(), NotReplaced("no luck"), Answered(), life=READY)
    assert (stays.state, stays.pid, stays.rolling, stays.not_replaced) == (PartState.READY, 7, False, "no luck")
    assert after(RollAsked(), life=stays).not_replaced == "", "a new try has not failed yet"


@pytest.mark.parametrize("event", [StopAsked(), Ended("SIGKILL")])
def test_what_ends_a_part_ends_its_handing_over(event: Event) -> None:
    ended = after(RollAsked(), event, life=READY)
    assert not ended.rolling
    with pytest.raises(IllegalTransition):
        after(Replaced(8), life=ended)


def test_a_part_that_does_not_run_well_is_restarted_the_plain_way() -> None:
    assert after(RollAsked(), life=after(Launched(7))).state is PartState.STOPPING
    assert after(RollAsked(), life=Life(state=PartState.FAILED)).state is PartState.WAITING
    sick = after(*[Missed("slow")] * 3, RollAsked(), life=READY)
    assert (sick.state, sick.rolling) == (PartState.UNHEALTHY, True)


def test_a_socket_is_open_as_long_as_a_part_holds_it() -> None:
    address = ("127.0.0.1", free_port())
    one, two = (PartSpec(name, (), listens=address) for name in ("one", "two"))
    with Listeners() as listeners:
        assert listeners.held_by(PartSpec("none", ())) is None
        assert listeners.held_by(one) == listeners.held_by(two)
        listeners.let_go(one)
        socket.create_connection(address).close()
        listeners.let_go(two)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        listeners.held_by(one)
        socket.create_connection(address).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_only_what_was_handed_to_this_process_is_taken() -> None:
    assert handed_down({}, pid=5) is None
    assert handed_down({HANDED: "9"}, pid=5) == 9
    assert handed_down({"LISTEN_FDS": "1", "LISTEN_PID": "5"}, pid=5) == 3
    assert handed_down({"LISTEN_FDS": "1", "LISTEN_PID": "4"}, pid=5) is None, "that was for somebody else"
    assert handed_down({"LISTEN_FDS": "0", "LISTEN_PID": "5"}, pid=5) is None


def test_a_socket_that_was_handed_down_is_used_and_its_number_told_to_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        env = {HANDED: str(os.dup(given.fileno()))}
        with listening("127.0.0.1", 1, env) as taken:
            assert taken.getsockname() == given.getsockname()
            assert not taken.get_inheritable()
        assert env == {}


def test_doors_of_the_dead_are_swept(tmp_path: Path) -> None:
    mine, dead = door_of(tmp_path, "gateway", os.getpid()), door_of(tmp_path, "gateway", 2**22 + 1)
    mine.touch()
    dead.touch()
    (tmp_path / "control.sock").touch()
    sweep(tmp_path, "gateway")
    assert doors_in(tmp_path, "gateway") == {os.getpid(): mine}
    assert (tmp_path / "control.sock").exists()


# Answers its process number after a moment, and on SIGTERM comes to its end after another one.
SERVING = python(
    "import os, signal, socket, time\n"
    f"sock = socket.socket(fileno=int(os.environ['{HANDED}']))\n"
    "leaving = []\n"
    "signal.signal(signal.SIGTERM, lambda *_: leaving.append(1))\n"
    "sock.settimeout(0.1)\n"
    "while not leaving:\n"
    "    try: taken, _ = sock.accept()\n"
    "    except TimeoutError: continue\n"
    "    time.sleep(0.01); taken.sendall(str(os.getpid()).encode()); taken.close()\n"
    "time.sleep(0.3); print('drained', flush=True)\n"
)


def asked(port: int) -> int:
    """Who answers; 0 for a connection that broke after it was taken. One that is refused raises."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        try:
            return int(sock.recv(20) or 0)
        except ConnectionResetError:
            return 0


@pytest.mark.real
def test_nobody_is_refused_while_a_part_hands_over(little: Start) -> None:
    port = free_port()
    cluster = little({"name": "web", "argv": SERVING, "listens": ["127.0.0.1", port], "drain_seconds": 5})
    cluster.wait("web", PartState.READY)
    seen, end = [], threading.Event()

    def keep_asking() -> None:
        while not end.is_set():
            seen.append(asked(port))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    first = cluster.part("web").pid
    until(lambda: first in seen, what="the first one answers")
    cluster.ask("restart", "web")
    second = until(lambda: pid if (pid := cluster.part("web").pid) != first else None, what="another process")
    until(lambda: seen[-1:] == [second], what="the new one answers")
    until(lambda: "drained" in cluster.log("web"), what="the old one has come to its end")
    assert set(seen) == {first, second}, "nobody was refused, and no connection broke"
    os.kill(second, signal.SIGKILL)
    third = cluster.wait("web", PartState.READY, restarts=2).pid
    until(lambda: seen[-1:] == [third], what="the one after that answers")
    end.set()
    asking.join(timeout=10)
    assert set(seen) - {0} == {first, second, third}
    assert seen.count(0) <= 1, "only the one that the killed process had taken"


@pytest.mark.real
def test_several_of_a_group_are_restarted_under_its_name_and_refused_once_all_have_ended(little: Start) -> None:
    port = free_port()
    row = {"argv": SERVING, "listens": ["127.0.0.1", port], "drain_seconds": 5, "group": "web"}
    cluster = little({"name": "web-0", **row}, {"name": "web-1", **row})
    before = {cluster.wait(name, PartState.READY).pid for name in ("web-0", "web-1")}
    cluster.ask("restart", "web")
    until(lambda: not before & {part.pid for part in cluster.status().parts}, what="both were replaced")
    began = time.monotonic()
    cluster.ask("stop")
    cluster.process.wait(timeout=10)
    assert time.monotonic() - began < 5
    with pytest.raises(ConnectionRefusedError):
        asked(port)
