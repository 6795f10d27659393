"""Runs on a machine that may become one of ours: tells what it is, on one line of JSON, and changes nothing.

Sent there as text, for any Python from 3.6 on; it uses nothing but the standard library.
"""

import json
import os
import platform
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

MARK = "@@cluster-ai@@"
SECONDS = 5
PATH = ":".join([os.environ.get("PATH", ""), str(Path.home() / ".local/bin"), "/usr/local/bin:/usr/bin:/bin"])


def said(*argv: str) -> "str | None":
    """The output of a program; None when there is none or it failed."""
    program = shutil.which(argv[0], path=PATH)
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()[:4096] if done.returncode == 0 else None


def system() -> str:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition("=")[2].strip("\"' ") for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else platform.platform()


def pythons() -> "dict[str, str]":
    """Newer ones that stand beside ``python3``, by version."""
    found = {}
    for minor in range(11, 20):
        path = shutil.which(f"python3.{minor}", path=PATH)
        if path:
            found[f"3.{minor}"] = path
    return found


def can_make_environments() -> bool:
    """Distributions leave parts of the standard library to packages of their own."""
    return said(sys.executable, "-c", "import venv, ensurepip") is not None


def memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def tell() -> "dict[str, object]":
    user = pwd.getpwuid(os.getuid()).pw_name
    home = str(Path.home())
    gpus = said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or ""
    return {
        "time": time.time(),
        "hostname": platform.node(),
        "system": system(),
        "kernel": platform.system(),
        "architecture": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "pythons": pythons(),
        "venv": can_make_environments(),
        "cpus": os.cpu_count() or 0,
        "memory": memory(),
        "home": home,
        "disk_free": shutil.disk_usage(home).free,
        "user": user,
        "root": os.getuid() == 0,
        "sudo": os.getuid() == 0 or said("sudo", "-n", "true") is not None,
        "systemd": Path("/run/systemd/system").is_dir(),
        "user_systemd": said("systemctl", "--user", "show-environment") is not None,
        "linger": Path("/var/lib/systemd/linger", user).exists(),
        "uv": said("uv", "--version") or "",
        "ollama": said("ollama", "--version") or "",
        "gpus": [name for name in gpus.splitlines() if name][:64],
    }


if __name__ == "__main__":
    # Whatever the login files of the shell printed stands on lines of its own, before this one.
    sys.stdout.write("\n" + MARK + json.dumps(tell()) + "\n")
