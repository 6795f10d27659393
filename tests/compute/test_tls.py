"""Beyond loopback Dask speaks to members of the cluster alone; on loopback it speaks as before."""

import contextlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from distributed.comm.tcp import _add_frames_header
from distributed.protocol import dumps, to_serialize

from cluster_ai.compute.guarded import MOST_OF_ONE, MOST_STRANGERS, Strangers
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import Identity, PeerRole
from tests.compute.parts import PATIENCE, Dask, free_ports, workers_of
from tests.pki.members import CLUSTER, Members, node_id
from tests.waiting import until

AT_ONCE = 3.0
"""Milliseconds, on a machine that has nothing else to do; who is only waited for is let go after five seconds."""
HEAD = "127.0.0.2"
MACHINE = "127.0.0.3"
"""Two more addresses of loopback stand for the LAN: what listens there listens under TLS only."""


class Lan:
    """A head with a scheduler for other machines, and workers of the head and of one machine."""

    def __init__(self, folder: Path) -> None:
        self.members = Members(folder / "pki", time.time())
        self.head = self.members.head()
        self.node, self.signed = self.members.node(1)
        self.dask = Dask(folder, seat={"outward": [HEAD, str(self.head.folder)]})
        self.dask.post = {"scheduler": self.address, "outward": [HEAD, str(self.head.folder)]}

    @property
    def address(self) -> str:
        return f"tls://{HEAD}:{self.dask.ports[0]}"

    def start_machine(self, *, kind: str = "machine", **more: Any) -> subprocess.Popen[bytes]:
        said = {
            "name": "mouse-0",
            "ports": self.dask.worker_ports(1),
            "scheduler": self.address,
            "scratch": str(self.dask.scratch),
            "outward": [MACHINE, str(self.node.folder)],
            **more,
        }
        process = self.dask.start(kind, "mouse-0", said)
        self.dask.others.append(process)
        return process

    def publish(self) -> None:
        """The head's list of revoked certificates reaches every member."""
        for store in (self.head, self.node):
            store.put_revoked(self.members.list())


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    found = Lan(tmp_path)
    try:
        found.dask.start_scheduler()
        yield found
    finally:
        found.dask.stop()


@contextlib.contextmanager
def client_of(lan: Lan) -> Iterator[Client]:
    """As any script on the head has one: in the clear, on loopback."""
    with Client(lan.dask.address, set_as_default=False, timeout=60) as client:
        yield client


def names(client: Client) -> set[str]:
    return {worker["name"] for worker in workers_of(client).values()}


@pytest.mark.real
def test_plain_client_on_loopback_gets_results_of_workers_under_tls(lan: Lan) -> None:
    lan.dask.start_worker(0)
    lan.start_machine()
    with client_of(lan) as client:
        until(lambda: names(client) == {"worker-0", "mouse-0"}, seconds=90, what="both workers")
        workers = workers_of(client)
        assert {address.rpartition(":")[0] for address in workers} == {f"tls://{HEAD}", f"tls://{MACHINE}"}
        pids = {
            name: client.submit(os.getpid, workers=[name], pure=False).result(timeout=PATIENCE)
            for name in names(client)
        }
        assert len(set(pids.values())) == 2
        # One worker fetches from the other: that connection is between two machines, under TLS, too.
        there = client.submit(bytes, 3_000_000, workers=["mouse-0"])
        assert client.submit(len, there, workers=["worker-0"]).result(timeout=PATIENCE) == 3_000_000
        for index, host in ((0, HEAD), (1, MACHINE)):
            for port in lan.dask.worker_ports(index):
                assert shown(host, port, member(lan.node)) == "spoke"
                assert shown(host, port, blind()).startswith("refused")
                assert answer_in_the_clear(host, port) == b""


def answer_in_the_clear(host: str, port: int) -> bytes:
    with socket.create_connection((host, port), timeout=5) as client:
        client.settimeout(5)
        try:
            client.sendall(message(1))
            return client.recv(100)
        except ConnectionResetError:
            return b""


def shown(host: str, port: int, context: ssl.SSLContext) -> str:
    """``spoke`` when the other side said something of Dask's after the handshake, else how it refused."""
    try:
        with socket.create_connection((host, port), timeout=5) as plain, context.wrap_socket(plain) as client:
            client.settimeout(5)
            return "spoke" if client.recv(8) else "closed"
    except (ssl.SSLError, ConnectionResetError) as exc:
        return f"refused: {exc}"


def blind() -> ssl.SSLContext:
    """Takes any server: what is tried is what the server takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def member(store: Store) -> ssl.SSLContext:
    context = blind()
    context.load_cert_chain(store.certificate, store.key)
    return context


def message(value: object) -> bytes:
    """A whole message of Dask's that holds a pickle."""
    framed, _, _ = _add_frames_header(dumps({"x": to_serialize(value)}, frame_split_size=1 << 26))
    return b"".join(bytes(part) for part in framed)


class Touch:
    """Whoever unpickles it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return exec, (f"open({str(self.path)!r}, 'w')",)


def of_another_cluster(lan: Lan, folder: Path) -> ssl.SSLContext:
    return member(Members(folder / "foreign", time.time()).node(1)[0])


def revoked(lan: Lan, _folder: Path) -> ssl.SSLContext:
    store, signed = lan.members.node(2)
    lan.members.revoke(signed.serial)
    lan.publish()
    until(lambda: "certificates renewed" in lan.dask.log("scheduler"), seconds=PATIENCE, what="the list is read")
    return member(store)


def expired(lan: Lan, _folder: Path) -> ssl.SSLContext:
    who = Identity(PeerRole.NODE, CLUSTER, node_id(3))
    return member(lan.members.member("old", who, now=time.time() - 10 * 86_400, days=9)[0])


def nobody(_lan: Lan, _folder: Path) -> ssl.SSLContext:
    return blind()


@pytest.mark.real
def test_strangers_are_refused_at_once_and_nothing_of_theirs_is_read(lan: Lan, tmp_path: Path) -> None:
    port = lan.dask.ports[0]
    assert shown(HEAD, port, member(lan.node)) == "spoke"
    for who in (nobody, of_another_cluster, expired, revoked):
        context = who(lan, tmp_path)
        started = time.monotonic()
        assert shown(HEAD, port, context).startswith("refused"), who.__name__
        assert time.monotonic() - started < AT_ONCE, who.__name__
    evil = message(Touch(tmp_path / "ran"))
    started = time.monotonic()
    with socket.create_connection((HEAD, port), timeout=5) as client:
        client.sendall(evil)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""
    assert time.monotonic() - started < AT_ONCE
    with pytest.raises((OSError, ssl.SSLError)), socket.create_connection((HEAD, port), timeout=5) as plain:  # noqa: SIM117, PT012
        with blind().wrap_socket(plain) as client:
            client.sendall(evil)
            client.settimeout(5)
            assert client.recv(100) == b""
    assert not (tmp_path / "ran").exists()
    log = lan.dask.log("scheduler")
    for why in ("certificate revoked", "certificate has expired", "peer did not return a certificate"):
        assert why in log, why
    assert "Traceback" not in log


@pytest.mark.real
def test_in_the_clear_the_same_bytes_would_run(cluster: Dask, tmp_path: Path) -> None:
    """Why loopback is all that is in the clear; and that the message above is one that does harm."""
    with socket.create_connection(("127.0.0.1", cluster.worker_ports(0)[0]), timeout=5) as client:
        client.sendall(message(Touch(tmp_path / "ran")))
        until((tmp_path / "ran").exists, seconds=PATIENCE, what="it runs")


@pytest.mark.real
def test_who_only_knocks_writes_nothing_into_the_log_and_who_says_nothing_is_let_go(lan: Lan) -> None:
    before = lan.dask.log("scheduler")
    for _ in range(5):
        socket.create_connection((HEAD, lan.dask.ports[0]), timeout=5).close()
    with socket.create_connection((HEAD, lan.dask.ports[0]), timeout=10) as client:
        started = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - started > AT_ONCE
    until(lambda: lan.dask.log("scheduler") != before, seconds=PATIENCE, what="it is written down")
    assert lan.dask.log("scheduler").removeprefix(before).count("\n") == 1


@pytest.mark.real
def test_stranger_with_many_silent_connections_keeps_nobody_out(lan: Lan) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4 * MOST_OF_ONE):
            there = (HEAD, lan.dask.ports[0])
            stack.enter_context(socket.create_connection(there, timeout=5, source_address=("127.0.0.9", 0)))
        started = time.monotonic()
        assert shown(HEAD, lan.dask.ports[0], member(lan.node)) == "spoke"
        assert time.monotonic() - started < AT_ONCE


def test_a_stranger_is_told_of_once_a_minute() -> None:
    strangers = Strangers()
    assert strangers.is_news("tls://10.0.0.9:4711", "no certificate", now=0.0)
    assert not strangers.is_news("tls://10.0.0.9:4712", "no certificate", now=59.0)
    assert strangers.is_news("tls://10.0.0.9:4713", "certificate revoked", now=59.0)
    assert strangers.is_news("tls://10.0.0.9:4714", "no certificate", now=61.0)
    for number in range(3 * MOST_STRANGERS):
        strangers.is_news(f"tls://10.0.1.{number}:1", "no certificate", now=70.0)
    assert len(strangers._told) == MOST_STRANGERS


@pytest.mark.real
def test_a_machine_is_no_scheduler(lan: Lan, tmp_path: Path) -> None:
    """A member's certificate is not enough to be obeyed by workers."""
    impostor = Dask(tmp_path, ports=free_ports(2), seat={"outward": [HEAD, str(lan.node.folder)]})
    try:
        impostor.start_scheduler()
        lan.start_machine(kind="worker", scheduler=f"tls://{HEAD}:{impostor.ports[0]}")
        said = until(lambda: "Unavailable" in lan.dask.log("mouse-0"), seconds=90, what="it ends")
        assert said
        assert f"is {node_id(1)}.node.cluster-ai.internal, and no head" in lan.dask.log("mouse-0")
    finally:
        impostor.stop()


ROTATED = """
import time
time.sleep({seconds})
"""


def shows_serial(host: str, port: int, store: Store, serial: str) -> bool:
    """Whether who listens there shows the certificate of that number."""
    context = member(store)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(store.authority)
    with socket.create_connection((host, port), timeout=5) as plain, context.wrap_socket(plain) as client:
        found = client.getpeercert()
        assert found
        return int(str(found["serialNumber"]), 16) == int(serial, 16)


@pytest.mark.real
def test_certificates_are_renewed_under_a_running_task(lan: Lan) -> None:
    lan.start_machine()
    port, nanny = lan.dask.worker_ports(1)
    with client_of(lan) as client:
        until(lambda: names(client) == {"mouse-0"}, seconds=90, what="the worker")
        running = client.submit(exec, ROTATED.format(seconds=6), pure=False)
        _, head = lan.members.member("head", Identity(PeerRole.HEAD, CLUSTER))
        _, node = lan.members.node(1)
        assert not shows_serial(MACHINE, port, lan.head, node.serial)
        for host, at, signed in ((HEAD, lan.dask.ports[0], head), (MACHINE, port, node), (MACHINE, nanny, node)):
            shows = partial(shows_serial, host, at, lan.head, signed.serial)
            until(shows, seconds=PATIENCE, what=f"{host}:{at} shows the new certificate")
        assert not running.done(), "all of this happened while the task ran"
        assert running.result(timeout=PATIENCE) is None
        assert running.status == "finished"
        assert client.submit(abs, -1, pure=False).result(timeout=PATIENCE) == 1
        assert "Remove worker" not in lan.dask.log("scheduler")


@pytest.mark.real
def test_worker_of_a_revoked_certificate_is_removed_and_stays_away(lan: Lan) -> None:
    lan.dask.start_worker(0)
    lan.start_machine()
    with client_of(lan) as client:
        until(lambda: names(client) == {"worker-0", "mouse-0"}, seconds=90, what="both workers")
        lan.members.revoke(lan.signed.serial)
        lan.head.put_revoked(lan.members.list())
        revoked_at = time.monotonic()
        until(lambda: names(client) == {"worker-0"}, seconds=PATIENCE, what="the worker is removed")
        print(f"removed {time.monotonic() - revoked_at:.1f} s after the list was written")
        until(
            lambda: "certificate revoked" in lan.dask.log("scheduler"), seconds=PATIENCE, what="it tried to come back"
        )
        assert client.submit(abs, -1, pure=False).result(timeout=PATIENCE) == 1
        time.sleep(1)
        assert names(client) == {"worker-0"}
        # With a certificate of its own it is welcome again.
        lan.members.node(1)
        until(lambda: names(client) == {"worker-0", "mouse-0"}, seconds=90, what="it comes back")
