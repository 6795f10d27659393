"""The system's own tools, run to their end: what they said, or why they could not."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

TOOLS = {
    "ip": "iproute2",
    "ss": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandFailed(AssertionError):
    """A tool said no."""


def tool(name: str, package: str | None = None) -> str:
    """Where a tool of the system stands.

    Raises:
        AssertionError: it is not installed.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    assert found, f"{name} is missing: scripts/setup/system_packages.sh installs {package or TOOLS[name]}"
    return found


def do(argv: Sequence[str | Path], *, space: str = "", given: str | None = None, seconds: float = 30) -> str:
    """What the command wrote; in the network namespace called ``space``, if one is told.

    Raises:
        CommandFailed: it ended with another code than 0, or not in time; with what it wrote to its standard error.
    """
    words = [str(word) for word in argv]
    if space:
        words = ["nsenter", f"--net=/run/netns/{space}", "--", *words]
    try:
        done = subprocess.run(
            [tool(words[0]) if words[0] in TOOLS else words[0], *words[1:]],
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(words)}: not within {seconds} s") from late
    if done.returncode:
        raise CommandFailed(f"{' '.join(words)}: {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
