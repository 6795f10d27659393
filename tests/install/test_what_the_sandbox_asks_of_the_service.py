"""Every word by which the service was loosened for the sandbox of tickets is needed, and no other is.

systemd holds ``RestrictNamespaces`` and ``SystemCallFilter`` by filters of system calls. Here the kernel is given such
filters, each lacking one word, and bubblewrap is started below them as a person without privileges.
"""

import os
import platform
import pwd
import re
import shutil
import signal
import subprocess

import pytest

from cluster_ai.executors.sandbox.bubblewrap import _NAMESPACES
from tests.install.conftest import ROOT

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of system calls are those of x86-64"),
]
TEMPLATE = (ROOT / "config/systemd/cluster-ai.service").read_text()
FLAGS = {
    "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000, "pid": 0x20000000,
    "net": 0x40000000, "mnt": 0x00020000,
}  # fmt: skip
CALLS = {
    "mount": 165, "umount2": 166, "pivot_root": 155, "capset": 126, "chroot": 161, "move_mount": 429, "open_tree": 428,
    "fsopen": 430, "fsmount": 432, "fsconfig": 431, "fspick": 433, "mount_setattr": 442, "sethostname": 170,
    "setdomainname": 171, "setns": 308, "swapon": 167, "reboot": 169, "init_module": 175, "ptrace": 101,
    "kexec_load": 246, "bpf": 321, "settimeofday": 164,
}  # fmt: skip
"""What the unit refuses but for those it names: groups @mount, @privileged and others beyond @system-service."""
FILTERED = """
import ctypes, os, struct, sys
numbers, flags = ([int(word) for word in words.split()] for words in sys.argv[1:3])
step = lambda code, value, past=0, otherwise=0: struct.pack("=HBBI", code, past, otherwise, value)
LOAD, EQUAL, ANY_BIT, RETURN, ALLOW = 0x20, 0x15, 0x45, 0x06, 0x7FFF0000
refuse, absent = step(RETURN, 0x50000 | 1), step(RETURN, 0x50000 | 38)
lines = [step(LOAD, 0)]
for number in numbers:
    lines += [step(EQUAL, number, otherwise=1), refuse]
lines += [step(EQUAL, 435, otherwise=1), absent]
for call in (56, 272):  # clone, unshare
    lines += [step(EQUAL, call, otherwise=3), step(LOAD, 16), step(ANY_BIT, sum(flags), otherwise=1), refuse]
    lines += [step(LOAD, 0)]
lines += [step(RETURN, ALLOW)]
program = b"".join(lines)
held = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(lines), ctypes.addressof(held)))) == 0, ctypes.get_errno()
os.execvp(sys.argv[3], sys.argv[3:])
"""


def words(line: str) -> list[str]:
    found = re.search(rf"^{line}(.+)$", TEMPLATE, re.MULTILINE)
    assert found, line
    return found[1].split()


def spaces() -> list[str]:
    return words("RestrictNamespaces=")


def calls() -> list[str]:
    return words("SystemCallFilter=(?![@~])")


def starts(*, spaces: list[str], calls: list[str]) -> bool:
    """Whether a sandbox as tickets have it runs where only these kinds of namespaces and calls are let through."""
    refused = [number for name, number in CALLS.items() if name not in calls]
    flags = [flag for name, flag in FLAGS.items() if name not in spaces]
    bwrap = shutil.which("bwrap")
    assert bwrap, "bubblewrap is not installed: scripts/setup/system_packages.sh installs it"
    walls = [*_NAMESPACES, "--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    floor = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"]
    rest = ["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "true"]
    argv = ["/usr/bin/python3", "-c", FILTERED, " ".join(map(str, refused)), " ".join(map(str, flags)), bwrap]
    nobody = pwd.getpwnam("nobody")
    with subprocess.Popen(
        [*argv, *walls, "--die-with-parent", "--new-session", *floor, *rest],
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=(), cwd="/", start_new_session=True,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            said = process.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            # One of its processes was refused and ended, another waits for it for ever.
            os.killpg(process.pid, signal.SIGKILL)
            said = process.communicate()[1]
    assert process.returncode == 0 or "bwrap: " in said, said
    return process.returncode == 0


def test_it_starts_with_what_the_service_lets_through() -> None:
    assert starts(spaces=spaces(), calls=calls())


@pytest.mark.parametrize("word", spaces())
def test_every_kind_of_namespace_is_needed(word: str) -> None:
    without = [one for one in spaces() if one != word]
    assert not starts(spaces=without, calls=calls()), f"RestrictNamespaces need not let {word} through"


@pytest.mark.parametrize("word", calls())
def test_every_call_is_needed(word: str) -> None:
    without = [one for one in calls() if one != word]
    assert not starts(spaces=spaces(), calls=without), f"SystemCallFilter need not let {word} through"
