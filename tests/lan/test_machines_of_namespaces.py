"""Machines that are namespaces: what the harness promises to the tests that stand on it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.lan import names
from tests.lan.commands import CommandFailed, do
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.waiting import until

pytestmark = pytest.mark.real
ECHO = Path(__file__).with_name("echo.py")
PORT = 5000


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        lan.machine("one")
        two = lan.machine("two")
        two.start([sys.executable, ECHO, two.address, PORT])
        until(lambda: (two.address, PORT) in two.listening(), what="the echo listens")
        yield lan


@pytest.fixture
def one(lan: Lan) -> Machine:
    return lan.hosts["one"]


@pytest.fixture
def two(lan: Lan) -> Iterator[Machine]:
    yield lan.hosts["two"]
    lan.hosts["two"].cable.heal()


def spoken(one: Machine, two: Machine, sent: bytes = b"hello", seconds: float = 5) -> tuple[bytes, float]:
    """What came back, and after how long, the connection included."""
    with one.socket() as sock:
        sock.settimeout(seconds)
        began = time.monotonic()
        sock.connect((two.address, PORT))
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        got = b"".join(iter(lambda: sock.recv(65_536), b""))
        return got, time.monotonic() - began


def pings(one: Machine, two: Machine, count: int) -> int:
    """Of datagrams that are echoed, how many came back."""
    back = 0
    with one.socket(kind=socket.SOCK_DGRAM) as sock:
        sock.connect((two.address, PORT))
        # A few at a time, so that no buffer is ever full: that would lose some, too.
        for number in range(1, count + 1):
            sock.send(str(number).encode())
            if number % 20 == 0:
                sock.settimeout(0.05 if number < count else 0.5)
                with contextlib.suppress(TimeoutError):
                    while back < number and sock.recv(100):
                        back += 1
    return back


def own_network() -> list[str]:
    """Of this box: interfaces, addresses, routes, rules of its filter."""
    return [do(["ip", "-o", "link"]), do(["ip", "-br", "addr"]), do(["ip", "route"]), do(["nft", "list", "ruleset"])]


def test_two_machines_speak_and_find_each_other_by_name(one: Machine, two: Machine) -> None:
    assert spoken(one, two)[0] == b"hello"
    assert one.run(["getent", "hosts", "two"]).stdout.split()[0] == two.address


def test_a_machine_has_its_own_name_processes_and_homes(one: Machine, two: Machine) -> None:
    told = one.run(["sh", "-c", "hostname; echo $HOME; cat /etc/machine-id; echo $$ >/run/mine; ls /sys/class/net"])
    assert told.stdout.splitlines()[:2] == ["one", str(one.home)]
    assert "e0" in told.stdout
    assert one.run(["cat", "/etc/machine-id"]).stdout != two.run(["cat", "/etc/machine-id"]).stdout
    assert two.run(["cat", "/run/mine"], check=False).returncode
    assert one.run(["sh", "-c", "id -un; touch ~/here"], user="owner").stdout == "owner\n"
    assert one.inside("/home/owner/here").exists()
    assert not Path("/home/owner/here").exists()
    assert "echo.py" not in one.run(["ps", "ax"]).stdout
    assert "echo.py" in two.run(["ps", "ax"]).stdout


def test_the_program_runs_in_it_as_it_stands_in_the_checkout(one: Machine) -> None:
    assert one.run(["cluster-ai", "--version"]).stdout.startswith("cluster-ai")


def test_what_fails_inside_tells_where_and_why(one: Machine) -> None:
    with pytest.raises(CommandFailed, match=r"one: .*: 3: .*sorry"):
        one.run(["sh", "-c", "echo sorry >&2; exit 3"])


def test_a_pulled_cable_stops_them_and_a_plugged_one_goes_on(one: Machine, two: Machine) -> None:
    two.cable.pull()
    assert one.reach(PORT, of=two, seconds=0.5) in {"silent", "unreachable"}
    assert "NO-CARRIER" in two.run(["ip", "link", "show", "e0"]).stdout
    two.cable.plug()
    until(lambda: one.reach(PORT, of=two) == "open", what="they speak again")


def test_a_machine_can_be_deaf_or_mute(one: Machine, two: Machine) -> None:
    two.cable.deaf()
    assert one.reach(PORT, of=two, seconds=0.3) == "silent"
    two.cable.mute()
    assert one.reach(PORT, of=two, seconds=0.3) == "silent"
    two.cable.heal()
    assert one.reach(PORT, of=two) == "open"
    assert one.reach(PORT + 1, of=two) == "refused"


def test_loss_is_as_much_as_was_wanted_and_loses_no_byte_of_a_stream(one: Machine, two: Machine) -> None:
    two.cable.loss(30)
    # Both ways: 49 % of 1,000 come back. Chance moves that by 5 % once in a thousand runs.
    assert 420 <= pings(one, two, 1000) <= 560
    assert spoken(one, two, os.urandom(20_000) * 2, seconds=20)[0]
    two.cable.heal()
    assert pings(one, two, 100) == 100


def test_a_slow_link_is_as_slow_as_was_wanted(one: Machine, two: Machine) -> None:
    sent = os.urandom(125_000)
    fast = spoken(one, two, sent)[1]
    two.cable.rate("1mbit")
    got, slow = spoken(one, two, sent, seconds=20)
    assert got == sent
    # A million bits: 1 s and not much less, whatever the box does besides; both ways go on at the same time.
    assert slow > 0.8
    assert slow > 4 * fast


def test_a_long_wire_delays_every_round_trip(one: Machine, two: Machine) -> None:
    two.cable.delay(200)
    got, took = spoken(one, two, os.urandom(300_000))
    assert len(got) == 300_000
    # One for the connection, at least one for what was said.
    assert took >= 0.4
    two.cable.heal()
    assert spoken(one, two)[1] < 0.2


def test_multicast_is_heard_by_all(one: Machine, two: Machine) -> None:
    with two.socket(kind=socket.SOCK_DGRAM) as ear, one.socket(kind=socket.SOCK_DGRAM) as mouth:
        ear.bind(("", 5353))
        member = socket.inet_aton("224.0.0.251") + socket.inet_aton(two.address)
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        ear.settimeout(2)
        mouth.sendto(b"anybody?", ("224.0.0.251", 5353))
        heard, (speaker, _) = ear.recvfrom(100)
    assert (heard, speaker) == (b"anybody?", one.address)


def test_a_frozen_machine_answers_no_more_until_it_thaws(one: Machine, two: Machine) -> None:
    two.freeze()
    with one.socket() as sock:
        # Its kernel still takes the connection: only silence tells.
        sock.connect((two.address, PORT))
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    two.thaw()
    assert spoken(one, two)[0] == b"hello"


def test_a_clock_is_wrong_by_as_much_as_was_wanted_and_jumps(one: Machine) -> None:
    tell = [sys.executable, "-c", "import time; time.sleep(0.1); print(time.time(), time.monotonic())"]
    one.clock(300)
    wall, steady = map(float, one.run(tell).stdout.split())
    assert abs(wall - time.time() - 300) < 5
    assert abs(steady - time.monotonic()) < 5
    one.clock(0)
    running = one.start([sys.executable, "-uc", "import time\nwhile True: print(time.ctime()); time.sleep(0.05)"])
    one.clock(-365 * 24 * 3600)
    # Also for what runs already.
    running.says(str(time.gmtime().tm_year - 1))
    running.end()
    one.clock(0)


def test_sshd_takes_the_key_of_the_user_and_no_other(lan: Lan, one: Machine, two: Machine, tmp_path: Path) -> None:
    sshd = two.sshd(key=lan.key)
    known = tmp_path / "known_hosts"
    known.write_text(sshd.known_host)
    ask = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"]
    command = "whoami; hostname; pwd"
    for user, home in (("root", str(two.home)), ("owner", "/home/owner")):
        told = one.run([*ask, "-i", lan.key, f"{user}@{two.address}", command])
        assert told.stdout.splitlines() == [user, "two", home]
    assert one.run([*ask, f"root@{two.address}", "true"], check=False).returncode == 255
    assert sshd.fingerprint in one.run(["ssh-keygen", "-l", "-f", known]).stdout


def test_a_process_is_ended_with_all_that_it_started(two: Machine) -> None:
    running = two.start(["sh", "-c", "sleep 1000 & trap 'kill $!; exit 5' TERM; echo up; wait"])
    running.says("up")
    assert running.end() == 5
    assert not running.alive


class Mishap(Exception):
    """What a test may meet."""


def test_nothing_is_left_after_a_mishap_and_the_box_is_as_it_was(tmp_path: Path) -> None:
    before = own_network()
    seen: list[psutil.Process] = []
    with contextlib.suppress(Mishap), Lan(tmp_path) as lan:
        machine = lan.machine("short-lived")
        running = machine.start(["setsid", "sh", "-c", "setsid sleep 1000 & sleep 1000"])
        until(lambda: len(machine.pids()) == 3, what="all have started")
        seen += machine.pids()
        machine.cable.delay(10)
        assert machine.cable.space in names.ours()
        assert own_network() == before
        raise Mishap
    assert not any(process.is_running() for process in seen)
    assert not running.alive
    assert machine.cable.space not in names.ours()


def test_what_a_killed_run_left_is_gone_when_the_next_starts(tmp_path: Path) -> None:
    words = [sys.executable, __file__, str(tmp_path / "killed")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        pid = int(other.stdout.readline())
        left = [name for name in names.ours() if f"-{other.pid}-" in name]
        other.send_signal(signal.SIGKILL)
    assert len(left) == 2
    # The kernel ended what ran there as soon as its starter was gone.
    until(lambda: not Path(f"/proc/{pid}").exists(), what="the machine's process is gone")
    with Lan(tmp_path / "next"):
        assert not set(left) & set(names.ours())


if __name__ == "__main__":
    with Lan(Path(sys.argv[1])) as network:
        print(network.machine("left").start(["sleep", "1000"]).process.pid, flush=True)
        signal.pause()
