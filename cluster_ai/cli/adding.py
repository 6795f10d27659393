"""A machine added over SSH from this terminal."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cluster_ai.cli.host_trust import trust_of
from cluster_ai.cli.stages import Stages
from cluster_ai.cli.way_in import AddWish, credentials_of, target_of
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.nodes.ssh.add import Added


def add_machine(wish: AddWish) -> "Added":
    """Adds it and says what happens.

    Raises:
        ClusterError: it was not added, and what was done is undone.
    """
    with Stages(quiet=wish.quiet) as stages:
        return asyncio.run(_add(wish, stages))


def add_found(machine: str) -> None:
    """As ``add_machine``, of one that a search found."""
    add_machine(AddWish(machine))


async def _add(wish: AddWish, stages: Stages) -> "Added":
    from cluster_ai.cli.crew import crew_of
    from cluster_ai.nodes.ssh.add import add
    from cluster_ai.nodes.ssh.connecting import connected

    target, from_config = await asyncio.to_thread(target_of, wish)
    trust = trust_of(wish.fingerprint, target, stages)
    async with crew_of(wish.name, wish.labels, leave_key=wish.leave_key) as crew:
        stages.connecting(str(target))
        async with connected(target, trust=trust, credentials=credentials_of(wish, from_config, stages)) as session:
            return await add(session, crew, stages.tell)


def password_of(pipe: str) -> str:
    """The first line of a pipe.

    Raises:
        InvalidInput: it is empty.
    """
    password = pipe.partition("\n")[0].rstrip("\r")
    if not password:
        raise InvalidInput(t("auth.empty"), path="password")
    return password


def warning_of(added: "Added", wish: AddWish) -> str:
    """What is still to do there, with the command; nothing when it stays by itself."""
    place = wish.machine.removeprefix("ssh://")
    command = f"ssh -t {'ssh://' if ':' in place else ''}{place} sudo loginctl enable-linger {added.found.user}"
    return "" if added.stays else t("add.leaves", name=added.name, command=command)


def told(added: "Added") -> Mapping[str, object]:
    """As ``--json`` shows it."""
    return {"name": added.name, "stays": added.stays, "machine": added.found.model_dump(mode="json")}
