"""This box's address in the LAN: found, and written into the settings without touching anything else there."""

import asyncio
import os
import re
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import show
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, Misconfigured
from cluster_ai.core.paths import PRIVATE_FILE

if TYPE_CHECKING:
    from cluster_ai.settings import Settings

_SECTION: Final = re.compile(r"^\s*\[machines\]\s*(#.*)?$")
_OTHER: Final = re.compile(r"^\s*\[")
_BIND: Final = re.compile(r"^\s*bind\s*=")


def chosen_address() -> str:
    """The one address that leads into a network.

    Raises:
        InvalidInput: there is none, or several; names them.
    """
    import psutil

    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    found = [
        row.address
        for name, rows in psutil.net_if_addrs().items()
        if name in up and not _is_inner(name)
        for row in rows
        if row.family is socket.AF_INET and not row.address.startswith(("127.", "169.254."))
    ]
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise InvalidInput(t("node.no_address"), hint="cluster-ai node open ADDRESS")
    raise InvalidInput(t("node.addresses", addresses=", ".join(found)), hint=f"cluster-ai node open {found[0]}")


def _is_inner(name: str) -> bool:
    """Whether an interface leads to containers and virtual machines of this box alone."""
    return name == "lo" or name.startswith(("docker", "br-", "veth", "virbr", "cni", "podman", "lxc", "vnet"))


def refuse_without_password(settings: "Settings") -> None:
    """An open head that nobody guards does not start: told before anything is changed.

    Raises:
        Misconfigured: nobody has chosen a password.
    """
    from cluster_ai.accounts.first import has_password

    known = has_password(settings.effective_database_url, folder=settings.paths.secrets, env=os.environ)
    if not asyncio.run(known):
        raise Misconfigured(t("node.no_password"), hint="cluster-ai auth set-password")


def write_bind(config: Path, address: str) -> None:
    """Sets ``bind`` of the section ``[machines]``; every other line stays as it is.

    Raises:
        InvalidInput: that would not come out of it. The file is as it was.
    """
    _check(address)
    config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Other breaks than these may stand in a comment.
    lines = config.read_text(encoding="utf-8").removesuffix("\n").split("\n") if config.is_file() else []
    row = f'bind = "{address}"'
    start = next((at for at, line in enumerate(lines) if _SECTION.match(line)), None)
    if start is None:
        lines += ["", "[machines]", row] if any(lines) else ["[machines]", row]
    else:
        end = next((at for at in range(start + 1, len(lines)) if _OTHER.match(lines[at])), len(lines))
        old = next((at for at in range(start + 1, end) if _BIND.match(lines[at])), None)
        if old is None:
            lines.insert(start + 1, row)
        else:
            lines[old] = row
    if not _says("\n".join(lines), address):
        raise InvalidInput(
            t("node.not_written", file=show.safe(config)), hint=f'[machines] bind = "{show.safe(address)}"'
        )
    draft = config.with_name(f".{config.name}.draft")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.chmod(config.stat().st_mode & 0o777 if config.is_file() else PRIVATE_FILE)
    draft.replace(config)


def _check(address: str) -> None:
    from pydantic import ValidationError

    from cluster_ai.nodes.types import MachinesSettings

    try:
        MachinesSettings(bind=address)
    except ValidationError as exc:
        raise InvalidInput(t("node.bad_address", address=show.safe(address)), hint="192.168.1.10") from exc


def _says(text: str, address: str) -> bool:
    """Whether the settings in ``text`` name ``address``, as one word among others."""
    try:
        found = tomllib.loads(text).get("machines")
    except tomllib.TOMLDecodeError:
        return False
    return isinstance(found, dict) and found.get("bind") == address
