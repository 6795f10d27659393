"""A filter of system calls (seccomp): what no ticket needs, and by which kernels were broken into, is refused.

A classic BPF program as seccomp(2) takes it. Refused with EPERM; ``clone3``, whose flags a filter cannot see, with
ENOSYS, upon which C libraries use ``clone``. Calls of another architecture than the machine's own are refused, too.
Numbers: Linux' ``asm/unistd_64.h`` (x86-64) and ``asm-generic/unistd.h`` (AArch64).
"""

import errno
import platform
import struct
from types import MappingProxyType
from typing import Final

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Places in ``struct seccomp_data``; the lower half of an argument on little-endian machines."""
_OTHER_ABI: Final = 0x40000000
"""x32 calls have this bit."""
NEW_NAMESPACES: Final = 0x7E020000
"""CLONE_NEWUSER, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID and NEWNET."""

_X86_64: Final = MappingProxyType(
    {
        "pivot_root": 155, "chroot": 161, "acct": 163, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168,
        "reboot": 169, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179,
        "ptrace": 101, "syslog": 103, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
        "unshare": 272, "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "finit_module": 313,
        "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    }
)  # fmt: skip
_AARCH64: Final = MappingProxyType(
    {
        "pivot_root": 41, "chroot": 51, "acct": 89, "mount": 40, "umount2": 39, "swapon": 224, "swapoff": 225,
        "reboot": 142, "init_module": 105, "delete_module": 106, "quotactl": 60, "ptrace": 117, "syslog": 116,
        "kexec_load": 104, "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97, "perf_event_open": 241,
        "open_by_handle_at": 265, "setns": 268, "finit_module": 273, "kexec_file_load": 294, "bpf": 280,
        "userfaultfd": 282,
    }
)  # fmt: skip
_BOTH: Final = MappingProxyType(
    {
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
        "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    }
)  # fmt: skip
_CLONE3: Final = 435
MACHINES: Final = MappingProxyType(
    {
        "x86_64": (0xC000003E, 56, {**_X86_64, **_BOTH}),
        "aarch64": (0xC00000B7, 220, {**_AARCH64, **_BOTH}),
    }
)
"""Machine -> its AUDIT_ARCH, the number of ``clone``, and what is refused."""


def filter_of(machine: str = "") -> bytes:
    """The program for a machine as ``platform.machine`` names it, else this one; empty where none is known."""
    known = MACHINES.get(machine or platform.machine())
    if known is None:
        return b""
    architecture, clone, refused = known
    refuse, absent = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    lines = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, past=1), _step(_RETURN, refuse)]
    lines += [_step(_LOAD, _NUMBER), _step(_AT_LEAST, _OTHER_ABI, otherwise=1), _step(_RETURN, refuse)]
    for number in sorted(refused.values()):
        lines += [_step(_EQUAL, number, otherwise=1), _step(_RETURN, refuse)]
    lines += [_step(_EQUAL, _CLONE3, otherwise=1), _step(_RETURN, absent)]
    lines += [_step(_EQUAL, clone, otherwise=3), _step(_LOAD, _FIRST_ARGUMENT)]
    lines += [_step(_ANY_BIT, NEW_NAMESPACES, otherwise=1), _step(_RETURN, refuse), _step(_RETURN, _ALLOW)]
    return b"".join(lines)


def _step(code: int, value: int, *, past: int = 0, otherwise: int = 0) -> bytes:
    """``struct sock_filter``: how many steps are left out when the test holds, and when it does not."""
    return struct.pack("=HBBI", code, past, otherwise, value)
