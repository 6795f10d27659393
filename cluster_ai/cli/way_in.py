"""How one gets into a machine from this terminal: its address, its key, one's own keys, a password typed once."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import show
from cluster_ai.cli.stages import Stages
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.nodes.ssh.credentials import Credentials, Secret, Wanted
    from cluster_ai.nodes.ssh.target import Target

_USUAL: Final = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True, slots=True)
class AddWish:
    """What was said: the machine as a person writes it, and how to get there."""

    machine: str
    jump: str = ""
    identities: tuple[Path, ...] = ()
    fingerprint: str = ""
    password: str | None = None
    """From a pipe; else it is asked for when it is needed."""
    name: str = ""
    labels: tuple[str, ...] = ()
    leave_key: bool = True
    quiet: bool = False


def target_of(wish: AddWish) -> "tuple[Target, tuple[Path, ...]]":
    """The machine, by the user's own SSH settings where they name it; and the keys that they name for it."""
    from getpass import getuser

    from cluster_ai.nodes.discovery.around import named_machines
    from cluster_ai.nodes.ssh.target import Target, chain, parse

    machine = wish.machine.removeprefix("ssh://")
    typed_user, _, alias = machine.rpartition("@")
    known = next((one for one in named_machines(Path.home()) if one.alias == alias), None)
    if known is None or known.proxy_command:
        return parse(machine, user=getuser(), jumps=chain(wish.jump, user=getuser())), ()
    user = typed_user or known.user or getuser()
    jumps = chain(wish.jump or known.jump, user=user)
    keys = tuple(Path(one).expanduser() for one in known.identities if "%" not in one)
    return Target(known.host, user, known.port, jumps), tuple(key for key in keys if key.exists())


def credentials_of(wish: AddWish, from_config: tuple[Path, ...], stages: Stages) -> "Credentials":
    """Keys that were named, an agent's, the usual ones, a password."""
    from cluster_ai.nodes.ssh.credentials import Credentials

    usual = tuple(Path.home() / ".ssh" / name for name in _USUAL)
    return Credentials(identities=wish.identities, usual=(*from_config, *usual), secret=_secret(wish, stages))


def _secret(wish: AddWish, stages: Stages) -> "Secret":
    async def secret(wanted: "Wanted") -> str | None:
        if wanted.kind == "password" and wish.password is not None:
            return wish.password
        return _typed(wanted, stages)

    return secret


def _typed(wanted: "Wanted", stages: Stages) -> str | None:
    if not sys.stdin.isatty():
        return None
    with stages.asking():
        typed: str = click.prompt(t(f"add.{wanted.kind}", about=show.safe(wanted.about)), hide_input=True, err=True)
    return typed
