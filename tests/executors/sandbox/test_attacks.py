"""What a ticket's program tries against the machine, with the real bubblewrap: contained, and reported.

Each runs below an outer limit on processes and file size (``attempts._bounded``) and an end in time.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.executors.attempts import MIB, Bench, Said, order

pytestmark = pytest.mark.real

FORK_BOMB = """
import os, time
until = time.monotonic() + 3
made = 0
while time.monotonic() < until:
    try:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.05)
        made += 1
    except OSError:
        time.sleep(0.05)
"""


def program(code: str) -> dict[str, object]:
    return {"files": [{"path": "attack.py", "text": code}], "argv": ["python3", "attack.py"]}


def test_fork_bomb_is_held_at_its_processes(bench: Bench) -> None:
    result = bench.result("EXECUTE", program(FORK_BOMB), limits={"processes": 24, "seconds": 20})
    assert result.ok, result
    # Those of bubblewrap itself are counted by us, and not by the limit.
    assert 10 <= result.value["most_processes"] <= 24 + 6


def test_fork_bomb_beyond_its_time_is_killed_whole(bench: Bench) -> None:
    endless = FORK_BOMB.replace("until = time.monotonic() + 3", "until = 1e12")
    result = bench.result("EXECUTE", program(endless), limits={"processes": 24, "seconds": 2})
    assert (result.ok, result.code) == (False, "timed_out")
    assert not running("attack.py")


def test_ten_gigabytes_are_stopped(bench: Bench) -> None:
    code = "block = bytes(1024**2)\nwith open('big', 'wb') as f:\n    for _ in range(10_240): f.write(block)\n"
    result = bench.result("EXECUTE", program(code), limits={"disk_bytes": 64 * MIB})
    assert (result.ok, result.code, result.retryable) == (False, "disk_exceeded", False)
    assert used(bench.folder) < 256 * MIB, "and what it wrote is gone"


def test_many_files_are_stopped_as_one_is(bench: Bench) -> None:
    # Not /tmp by name: where the machine's Python lies below that, it is another folder.
    code = "import tempfile\nblock = bytes(8 * 1024**2)\n"
    code += "for n in range(1280):\n    open(f'{tempfile.gettempdir()}/{n}', 'wb').write(block)\n"
    result = bench.result("EXECUTE", program(code), limits={"disk_bytes": 64 * MIB})
    assert result.code == "disk_exceeded", result


def test_files_without_a_name_count_too(bench: Bench) -> None:
    code = """
import os, time
held = []
for n in range(40):
    held.append(open(f'f{n}', 'wb'))
    held[-1].write(bytes(8 * 1024**2))
    held[-1].flush()
    os.unlink(f'f{n}')
time.sleep(20)
"""
    result = bench.result("EXECUTE", program(code), limits={"disk_bytes": 64 * MIB})
    assert result.code == "disk_exceeded"


def test_a_folder_too_deep_to_count_is_stopped(bench: Bench) -> None:
    code = "import os, time\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')\nopen('x','w')\ntime.sleep(20)\n"
    result = bench.result("EXECUTE", program(code))
    assert result.code == "disk_exceeded"
    assert not (bench.ticket() / "work").exists(), "deep as it was, it is gone"


def test_memory_is_bounded_for_one_and_for_all(bench: Bench) -> None:
    one = bench.result("EXECUTE", program("bytearray(900 * 1024**2)"), limits={"memory_bytes": 128 * MIB})
    assert one.code == "exit_nonzero"
    assert "MemoryError" in one.value["tail"]
    many = "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        x = bytearray(80 * 1024**2); time.sleep(20)\n"
    result = bench.result("EXECUTE", program(many + "time.sleep(20)"), limits={"memory_bytes": 128 * MIB})
    assert result.code == "memory_exceeded"


def test_no_network_not_even_the_machines_own(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
import socket
for address in (('127.0.0.1', {port}), ('1.1.1.1', 80)):
    try:
        socket.create_connection(address, 3)
        print('REACHED', address)
    except OSError as exc:
        print('no:', exc)
print(sorted(name for _, name in socket.if_nameindex()))
"""
        result = bench.result("EXECUTE", program(code))
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    assert result.ok
    assert "REACHED" not in result.value["tail"]
    assert "['lo']" in result.value["tail"]


def test_hosts_need_a_network_in_the_limits(bench: Bench) -> None:
    bench.grants["reach"] = ["example.org:443"]
    result = bench.result("EXECUTE", {"argv": ["true"], "reach": ["example.org:443"]})
    assert (result.code, result.retryable) == ("network_not_allowed", False)


def test_only_the_host_that_was_asked_for_is_reached(bench: Bench) -> None:
    with answering() as (asked, port), answering() as (other, other_port):
        bench.grants["reach"] = [f"127.0.0.1:{port}"]
        code = f"""
import os, urllib.request, urllib.error
for port in ({port}, {other_port}):
    try:
        print(port, urllib.request.urlopen(f'http://127.0.0.1:{{port}}/x', timeout=5).read())
    except urllib.error.HTTPError as exc:
        print(port, 'refused', exc.code)
"""
        more = {"reach": [f"127.0.0.1:{port}"]}
        result = bench.result("EXECUTE", {**program(code), **more}, limits={"network": True})
    assert result.ok, result
    assert f"{port} b'hello'" in result.value["tail"]
    assert f"{other_port} refused 403" in result.value["tail"]
    assert (len(asked), len(other)) == (1, 0)


def test_a_host_that_the_machine_does_not_grant_is_refused(bench: Bench) -> None:
    result = bench.result("EXECUTE", {"argv": ["true"], "reach": ["127.0.0.1:8786"]}, limits={"network": True})
    assert result.code == "not_allowed"


def test_other_tickets_and_the_machines_files_are_out_of_sight(bench: Bench) -> None:
    secret = bench.ticket("other") / "artefacts"
    secret.mkdir(parents=True)
    (secret / "answer.txt").write_text("of somebody else", encoding="utf-8")
    (bench.folder / "home" / "secrets").mkdir(parents=True)
    wanted = [
        str(secret / "answer.txt"),
        str(bench.ticket() / "order.json"),
        "/ticket/../order.json",
        "/etc/shadow",
        "/etc/passwd",
        str(Path.home() / ".bash_history"),
        str(bench.folder / "home"),
        "/proc/1/environ",
        "/proc/1/root/etc/shadow",
        "/sys/class",
        "/run",
        "/var",
    ]
    code = f"""
import os
for path in {wanted!r}:
    try:
        with os.scandir(path) if os.path.isdir(path) else open(path) as found:
            print('SEEN', path)
    except OSError:
        pass
print('environment', sorted(os.environ))
"""
    result = bench.result("EXECUTE", program(code), gateway_key="cak_a-key-of-the-gateway")
    assert result.ok, result
    assert "SEEN" not in result.value["tail"]
    names = "HOME LANG PATH PWD PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED TICKET_ATTEMPT TICKET_ID TICKET_KEY TMPDIR"
    told = result.value["tail"].split("environment ")[1]
    assert set(eval(told)) <= set(names.split())


def test_another_ticket_that_runs_now_cannot_be_touched(bench: Bench) -> None:
    said = Said()
    waiting = {"argv": ["sh", "-c", "echo hello > mine; sleep 30"]}
    with bench.started(order("EXECUTE", waiting, ticket="victim")):
        path = bench.ticket("victim") / "work"
        wait_for((path / "mine").exists)
        code = f"""
import os, signal
seen = [name for name in os.listdir('/proc') if name.isdecimal()]
print('processes', len(seen))
for path in ('{path}/mine', '/proc/1/cwd', '/proc/1/root'):
    try:
        os.stat(path + '/'); print('SEEN', path)
    except OSError:
        pass
try:
    os.kill(-1, 0)
except OSError as exc:
    print('kill', exc.errno)
"""
        said = bench.attempt("EXECUTE", program(code), ticket="attacker")
    assert said.result
    assert said.result.ok
    assert "SEEN" not in said.result.value["tail"]
    count = int(said.result.value["tail"].split("processes ")[1].split()[0])
    assert count <= 4


def test_the_system_is_read_only_and_rights_are_gone(bench: Bench) -> None:
    code = """
import os
for path in ('/usr/x', '/etc/x', '/x', '/dev/x', '/proc/sys/kernel/hostname', '/ticket-x'):
    try:
        open(path, 'w').write('x'); print('WROTE', path)
    except OSError:
        pass
status = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
print({name: status[name].strip() for name in ('CapEff', 'CapBnd', 'NoNewPrivs')})
try:
    os.setuid(0); print('ROOT')
except OSError:
    pass
"""
    result = bench.result("EXECUTE", program(code))
    assert result.ok, result
    assert "WROTE" not in result.value["tail"]
    assert "ROOT" not in result.value["tail"]
    assert "'CapEff': '0000000000000000', 'CapBnd': '0000000000000000', 'NoNewPrivs': '1'" in result.value["tail"]


STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    while True: time.sleep(1)
print('deaf', flush=True)
while True: time.sleep(1)
"""


def test_ignoring_sigterm_does_not_help(bench: Bench) -> None:
    said = Said()
    with bench.started(order("EXECUTE", program(STUBBORN))) as process:
        assert process.stdout
        for line in process.stdout:
            said.take(line)
            if "deaf" in said.logs and not said.result:
                process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert said.result
    assert (said.result.ok, said.result.code) == (False, "cancelled")
    assert not running("attack.py")


def test_without_a_sandbox_a_daemon_is_found_all_the_same(bench: Bench) -> None:
    bench.grants |= {"sandbox": "none", "trusted_kinds": ["EXECUTE"]}
    said = Said()
    with bench.started(order("EXECUTE", {**program(STUBBORN), "trusted": True})) as process:
        assert process.stdout
        for line in process.stdout:
            said.take(line)
            if "deaf" in said.logs and not said.result:
                process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert said.result
    assert said.result.code == "cancelled"
    assert not running("attack.py")


def test_the_childs_death_ends_the_sandbox(bench: Bench) -> None:
    said = Said()
    with bench.started(order("EXECUTE", program(STUBBORN))) as process:
        assert process.stdout
        while "deaf" not in said.logs:
            said.take(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        wait_for(lambda: running("attack.py") is False)


def test_a_link_to_the_machines_files_is_no_artefact(bench: Bench) -> None:
    code = "import os\nos.symlink('/etc/shadow', 'loot.txt')\nos.mkdir('d')\nos.symlink('/etc', 'd/etc')\nos.mkfifo('pipe')\n"
    parameters = {**program(code), "artefacts": ["loot.txt"]}
    result = bench.result("EXECUTE", parameters)
    assert result.code == "artefact_missing"
    taken = bench.result("EXECUTE", {**program(code), "artefacts": ["*"]})
    assert [artefact.path for artefact in taken.artefacts] == ["attack.py"]


def running(name: str) -> bool:
    return any(name in " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))


def used(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


class answering:  # noqa: N801 - a context manager
    """A small HTTP server; what it was asked."""

    def __enter__(self) -> tuple[list[bytes], int]:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.asked: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self.asked, self.server.getsockname()[1]

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self.server.accept()
            except OSError:
                return
            with taken:
                self.asked.append(taken.recv(65_536))
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
