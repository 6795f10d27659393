"""Whose host key this terminal trusts: known before, told by its fingerprint, or compared by a person."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.stages import Stages
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.nodes.ssh.host_keys import FirstContact, Refusal, Trust
    from cluster_ai.nodes.ssh.target import Target


def trust_of(told: str, target: "Target", stages: Stages) -> "Trust":
    """``told``: the fingerprint that was given, or empty. Else keys known before or a person who compares."""
    from cluster_ai.nodes.ssh.host_keys import HostKeys, Trust, fingerprint

    folder = Path.home() / ".ssh"
    users = (folder / "known_hosts", folder / "known_hosts2", Path("/etc/ssh/ssh_known_hosts"))

    async def ask(contact: "FirstContact") -> bool:
        return _compare(contact, stages)

    expected = fingerprint(told) if told else ""
    keys = HostKeys(place.home().data / "ssh_known_hosts", users)
    return Trust(keys, expected=expected, of=target, ask=ask, report=_audit)


def _audit(refusal: "Refusal") -> None:
    """Another host key than a machine had is remembered beyond this terminal."""
    from cluster_ai.client import machines

    call = machines.refuse_host_key(str(refusal.target), expected=refusal.expected, shown=refusal.got)
    # The refusal stands, whether the head can be told now or not.
    with suppress(ClusterError), place.client() as client:
        client.send(call)


def _compare(contact: "FirstContact", stages: Stages) -> bool:
    """A person compares the fingerprint; where there is none, nobody vouches for it."""
    if not sys.stdin.isatty():
        return False
    with stages.asking():
        show.say(t("add.first_contact", machine=contact.target))
        show.say(f"  {contact.key.kind}  {contact.key.fingerprint}")
        show.say(t("add.compare"))
        return click.confirm(t("add.is_it"), default=False, err=True)
