"""What the box itself sees of our machines: network namespaces and control groups, by name.

Names carry our process id, so that what a killed run left behind can be told and removed.
"""

import contextlib
import os
import re
from pathlib import Path

from tests.lan.commands import CommandFailed, do
from tests.waiting import until

GROUPS = Path("/sys/fs/cgroup")
NAMED = Path("/run/netns")
OURS = re.compile(r"cai-lan-(?P<pid>\d+)-(?P<run>\d+)-")


def space(run: int, name: str) -> str:
    """Of the ``run``-th network of this process."""
    return f"cai-lan-{os.getpid()}-{run}-{name}"


def add(name: str) -> None:
    """Raises:
    CommandFailed: with a sentence on what is missing here.
    """
    try:
        do(["ip", "netns", "add", name])
    except CommandFailed as no:
        raise CommandFailed(f"network namespaces cannot be made here (root with CAP_SYS_ADMIN is needed): {no}") from no


def remove(name: str) -> None:
    """It is gone, whether or not it was there: somebody else may have been quicker."""
    with contextlib.suppress(CommandFailed):
        do(["ip", "netns", "del", name])


def ours() -> list[str]:
    """Of all runs, also of those that go on beside this one."""
    return sorted(path.name for path in NAMED.glob("cai-lan-*") if OURS.match(path.name))


def reap() -> None:
    """Removes what runs that were killed left behind."""
    for name in ours():
        if _is_over(name):
            remove(name)
    for top in (*GROUPS.glob("*/cai-lan-*"), *GROUPS.glob("cai-lan-*")):
        if _is_over(top.name):
            ungroup(top.name)


def ungroup(name: str) -> None:
    """The control groups of that machine are gone; it must be off."""
    for top in (*GROUPS.glob(f"*/{name}"), *GROUPS.glob(name)):
        for path, *_ in os.walk(top, topdown=False):
            # Ends of processes are told to the groups a moment after they are told to whoever waits for them.
            until(lambda path=path: _removed(Path(path)), what=f"{path} is empty", bears=(OSError,))


def _is_over(name: str) -> bool:
    """The run that it is named for has ended."""
    found = OURS.match(name)
    return found is not None and not Path(f"/proc/{found['pid']}").exists()


def _removed(group: Path) -> bool:
    group.rmdir()
    return True
