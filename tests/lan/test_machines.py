"""A head and three machines that joined it by a line: their work, their models, and what the LAN sees of them."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lan.house import MODEL, SCHEDULER, House, control
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.waiting import until

pytestmark = [pytest.mark.real]
NAMES = ("one", "two", "three")
AGENT, WORKER, NANNY, DOOR, GRPC = 11_437, 8790, 8791, 8443, 8444
WHERE = """
import json, socket, sys
from distributed import Client
with Client("tcp://127.0.0.1:8786", timeout=20) as client:
    print(json.dumps(sorted(client.run(socket.gethostname).values())))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        house = House(lan)
        with ThreadPoolExecutor() as doing:
            for machine in doing.map(house.join, NAMES):
                control(machine.machine, rate=40, answer_tokens=20)
        house.settle()
        yield house


def chat(house: House, number: int = 0) -> tuple[str, str]:
    """Which node answered, and the answer."""
    body = {"model": MODEL, "stream": False, "messages": [{"role": "user", "content": f"question {number}"}]}
    status, headers, answer = house.ask_gateway("/api/chat", body)
    assert status == 200, answer
    return headers["x-cluster-node"], answer["message"]["content"]


def hosts_at_work(house: House) -> list[str]:
    """Hostnames, as tasks tell them that run on each worker."""
    return json.loads(house.head.machine.run(["python", "-c", WHERE]).stdout)


def outward(machine: Machine) -> set[int]:
    return {port for address, port in machine.listening() if address not in {"127.0.0.1", "[::1]"}}


def test_tasks_run_on_every_machine(house: House) -> None:
    assert hosts_at_work(house) == sorted(NAMES)


def test_chats_are_answered_by_every_machine(house: House) -> None:
    with ThreadPoolExecutor(12) as doing:
        answers = list(doing.map(lambda number: chat(house, number), range(12)))
    assert {node for node, _ in answers} == set(NAMES)
    assert all(text for _, text in answers)
    for member in house.members.values():
        assert control(member.machine)["counters"]["done"] >= 1


def test_nothing_is_open_to_the_lan_but_doors_under_tls(house: House) -> None:
    assert outward(house.head.machine) - {GRPC} == {DOOR, SCHEDULER}
    stranger = house.lan.machine("stranger")
    for member in house.members.values():
        assert outward(member.machine) == {AGENT, WORKER, NANNY}
    for machine in (house.head.machine, *(member.machine for member in house.members.values())):
        for port in outward(machine):
            assert told_in_clear(stranger, machine, port) == b"", f"{machine.name}:{port} speaks without TLS"


def told_in_clear(stranger: Machine, machine: Machine, port: int) -> bytes:
    """What a listener says to somebody without TLS before it ends the connection; alerts of TLS are nothing."""
    with stranger.socket() as sock:
        sock.settimeout(20)
        sock.connect((machine.address, port))
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        try:
            said = b"".join(iter(lambda: sock.recv(1000), b""))
        except ConnectionResetError:
            said = b""
    return re.sub(rb"^\x15\x03.*", b"", said, flags=re.DOTALL)


def test_a_line_lets_in_one_machine_once_and_what_was_tried_is_written_down(house: House) -> None:
    line = house.line()
    late = house.lan.machine("late")
    env = {"CLUSTER_AI_HOME": str(late.home / "cluster")}
    late.run(["cluster-ai", "agent", "join", "--name", "late"], given=line, env=env)
    again = {"CLUSTER_AI_HOME": str(late.home / "other")}
    done = late.run(["cluster-ai", "agent", "join", "--name", "later"], given=line, env=again, check=False)
    assert done.returncode
    forged = re.sub(r"[0-9a-f]{48}$", "0" * 48, house.line())
    assert late.run(["cluster-ai", "agent", "join", "--name", "later"], given=forged, env=again, check=False).returncode
    names = {machine["name"] for machine in house.get("/api/v1/machines")["items"]}
    assert "later" not in names
    outcomes = [entry["outcome"] for entry in house.get("/api/v1/audit")["items"] if "join" in entry["action"]]
    assert outcomes.count("done") >= len(NAMES) + 1
    assert len([outcome for outcome in outcomes if outcome != "done"]) >= 2


def test_a_machine_whose_cable_is_pulled_is_left_alone_and_taken_back(house: House) -> None:
    two = house.members["two"].machine
    two.cable.pull()
    until(lambda: house.state("two") == "away", seconds=30, what="it counts as away")
    until(lambda: "two" not in house.serving() | house.working(), seconds=30, what="nobody counts on it")
    began = time.monotonic()
    assert {chat(house, number)[0] for number in range(6)} <= {"one", "three"}
    assert time.monotonic() - began < 20
    two.cable.plug()
    house.settle()
    assert "two" in house.healthy()


def test_a_machine_whose_reports_get_lost_goes_on_serving(house: House) -> None:
    cable = house.members["two"].machine.cable
    cable.no_way_to(DOOR)
    until(lambda: house.state("two") == "away", seconds=30, what="it counts as away")
    states = {house.state("two")}
    with ThreadPoolExecutor(12) as doing:
        answers = list(doing.map(lambda number: chat(house, number), range(24)))
    for _ in range(10):
        states.add(house.state("two"))
        time.sleep(0.5)
    assert "two" in {node for node, _ in answers}, "calls that it answers are better evidence than reports"
    assert "two" in house.serving() & house.working()
    assert states == {"away"}, "it does not come and go"
    cable.heal()
    house.settle()


def test_a_link_that_loses_a_fifth_of_all_packets_cuts_nothing(house: House) -> None:
    cable = house.members["two"].machine.cable
    cable.loss(20)
    with ThreadPoolExecutor(6) as doing:
        answers = list(doing.map(lambda number: chat(house, number), range(18)))
    assert all(text for _, text in answers)
    assert hosts_at_work(house)
    cable.heal()
    house.settle()


def test_a_machine_that_starts_again_is_one_of_the_cluster_at_once(house: House) -> None:
    one = house.members["one"]
    one.kill()
    one.start()
    # It may be back before its silence is noticed: what counts is that all of it works again.
    until(lambda: one.processes("cluster_ai.node_agent"), seconds=60, what="its agent runs again")
    until(lambda: hosts_at_work(house) == sorted(NAMES), seconds=60, what="its worker takes tasks again")
    house.settle()


def test_machines_outlast_their_head(house: House) -> None:
    before = {name: member.processes("cluster_ai.serve worker") for name, member in house.members.items()}
    assert all(before.values())
    house.head.kill()
    house.head.start()
    house.settle()
    for name, member in house.members.items():
        assert member.up
        assert member.up.alive, f"{name} ended with its head"
    until(lambda: hosts_at_work(house) == sorted(NAMES), seconds=60, what="every worker takes tasks again")
    assert chat(house)[0] in NAMES


def test_a_machine_that_was_removed_gets_nowhere_any_more(house: House) -> None:
    house.head.cli("node", "rm", "three", "--yes")
    until(lambda: "three" not in house.serving() | house.working(), seconds=30, what="nobody counts on it")
    assert "three" not in {machine["name"] for machine in house.get("/api/v1/machines")["items"]}
    three = house.members.pop("three")
    three.stop()
    three.start()
    assert three.up
    time.sleep(5)
    assert "three" not in house.healthy() | house.serving()
    workers = {worker["name"] for worker in house.get("/api/v1/compute")["workers"]}
    assert not any(name.startswith("three") for name in workers)
    house.settle()
