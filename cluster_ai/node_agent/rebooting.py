"""Restarting the machine with the rights that this user has, or saying which are missing."""

import asyncio
import getpass
import os
import shutil
from typing import Final

from cluster_ai.core.errors import Forbidden

ASK_SECONDS: Final = 20.0
WAYS: Final = (
    # polkit decides; it lets users at the machine's own screen, and whomever a rule names.
    ("systemctl", "--no-ask-password", "reboot"),
    ("sudo", "-n", "systemctl", "reboot"),
    ("doas", "-n", "reboot"),
)
RULES: Final = "/etc/polkit-1/rules.d/50-cluster-ai.rules"
WAYS_OF_ROOT: Final = (("systemctl", "--no-ask-password", "reboot"), ("reboot",))


class CannotReboot(Forbidden):
    """This user may not restart the machine."""

    code = "cannot_reboot"


async def reboot(*, path: str | None = None, is_root: bool | None = None) -> None:
    """Answers when the system has taken the wish; the machine goes down soon afterwards.

    ``path``: folders of commands, as ``PATH``.

    Raises:
        CannotReboot: none of the ways is open.
    """
    whys: list[str] = []
    for way in WAYS_OF_ROOT if _is_root(is_root) else WAYS:
        why = await _tried(way, path)
        if not why:
            return
        whys.append(why)
    user = await asyncio.to_thread(_user)
    raise CannotReboot(
        f"this machine does not let {user} restart it: {'; '.join(whys)}", hint=f"write {RULES} there: {_rule(user)}"
    )


def _is_root(said: bool | None) -> bool:  # noqa: FBT001 - None asks the system
    return os.geteuid() == 0 if said is None else said


def _rule(user: str) -> str:
    """For polkit; a service that may gain no privileges cannot use sudo."""
    about = 'action.id.indexOf("org.freedesktop.login1.reboot") == 0'
    when = f'if ({about} && who.user == "{user}") return polkit.Result.YES;'
    return f"polkit.addRule(function(action, who) {{ {when} }});"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Nobody has a name for this number.
        return f"user {os.geteuid()}"


async def _tried(way: tuple[str, ...], path: str | None) -> str:
    """Why that way is closed; empty when it was taken."""
    command = await asyncio.to_thread(shutil.which, way[0], path=path)
    if command is None:
        return f"{way[0]} is not there"
    process = await asyncio.create_subprocess_exec(
        command,
        *way[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C", "PATH": path or os.environ.get("PATH", os.defpath)},
    )
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        return f"{way[0]} does not answer"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    words = " ".join(said.decode("utf-8", "replace").split())[:200]
    return "" if process.returncode == 0 else f"{way[0]}: {words or f'exit {process.returncode}'}"
