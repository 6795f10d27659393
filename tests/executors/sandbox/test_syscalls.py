"""The filter of system calls: by its numbers, and by what a program meets."""

import re
import struct
from pathlib import Path

import pytest

from cluster_ai.executors.sandbox.syscalls import MACHINES, NEW_NAMESPACES, filter_of
from tests.executors.attempts import Bench

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026


def decide(program: bytes, *, machine: str, number: int, first: int = 0) -> int:
    """What the kernel makes of the program for one call: a machine for the few steps that it has."""
    data = struct.pack("=iIQ6Q", number, MACHINES[machine][0], 0, first, 0, 0, 0, 0, 0)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, value = 0, 0
    while True:
        code, past, otherwise, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == 0x06:
            return int(operand)
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += past if holds else otherwise


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    path = next((Path(name) for name in HEADERS[machine] if Path(name).exists()), None)
    if path is None:
        pytest.skip("no headers of the kernel here")
    numbers = {
        name: int(number) for name, number in re.findall(r"#define __NR3?2?6?4?_?(\w+)\s+(\d+)", path.read_text())
    }
    _, clone, refused = MACHINES[machine]
    assert {name: numbers[name] for name in refused} == refused
    assert (numbers["clone"], numbers["clone3"]) == (clone, 435)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_refused_and_what_is_not(machine: str) -> None:
    program = filter_of(machine)
    _, clone, refused = MACHINES[machine]
    for number in range(460):
        wanted = EPERM if number in refused.values() else ENOSYS if number == 435 else ALLOW
        assert decide(program, machine=machine, number=number) == wanted
    assert decide(program, machine=machine, number=0x40000000 + 1) == EPERM
    for bit in range(32):
        first = 1 << bit
        wanted = EPERM if first & NEW_NAMESPACES else ALLOW
        assert decide(program, machine=machine, number=clone, first=first) == wanted


def test_calls_of_another_architecture_are_refused() -> None:
    assert decide(filter_of("x86_64"), machine="aarch64", number=1) == EPERM
    assert filter_of("riscv64") == b""


@pytest.mark.real
def test_a_program_meets_it_and_threads_and_processes_go_on(bench: Bench) -> None:
    code = """
import ctypes, errno, os, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, *args):
    result = getattr(libc, name)(*args)
    print(name, result, errno.errorcode.get(ctypes.get_errno()))
tried('unshare', 0x10000000)
tried('mount', b'none', b'/tmp', b'tmpfs', 0, None)
tried('ptrace', 16, 1, 0, 0)
tried('syscall', 250, 0)
thread = threading.Thread(target=print, args=('a thread',)); thread.start(); thread.join()
print(subprocess.run(['echo', 'a process'], capture_output=True).stdout)
"""
    wanted = {"files": [{"path": "a.py", "text": code}], "argv": ["python3", "a.py"]}
    result = bench.result("EXECUTE", wanted)
    assert result.ok, result
    tail = result.value["tail"]
    for name in ("unshare", "mount", "ptrace"):
        assert f"{name} -1 EPERM" in tail
    assert "a thread" in tail
    assert "a process" in tail
