"""In whose name something is asked of the registry: people by their token, machines by their certificate."""

from typing import Final

from backend.caller import Caller
from backend.policy import Rule, check
from cluster_ai.core.errors import Forbidden
from cluster_ai.core.principals import Channel, Principal, Role
from cluster_ai.pki.types import Identity, PeerRole
from cluster_ai.registry.service import Claim

MACHINE: Final = "node:"
"""Begins the name of a machine as an owner; its id follows."""


def claim_of(caller: Caller) -> Claim:
    """In whose name a caller registers and renews."""
    return Claim(caller.principal.id, over_all=caller.principal.role is Role.ADMIN)


def machine(identity: Identity, *, address: str) -> Caller:
    """The caller that a member's certificate stands for.

    Raises:
        Forbidden: the head's own certificate is nobody's who would call here.
    """
    if identity.role is not PeerRole.NODE:
        raise Forbidden("a certificate of a machine is needed here, or a token")
    name = f"{MACHINE}{identity.node_id}"
    return Caller(Principal(id=name, name=name, role=Role.MACHINE, channel=Channel.CERTIFICATE), address)


def let_in(caller: Caller, rule: Rule) -> None:
    """Asks the policy; machines may read, and write of what they registered themselves.

    Raises:
        Forbidden: it may not.
    """
    if caller.principal.channel is not Channel.CERTIFICATE:
        check(rule, caller.principal)


def check_place(caller: Caller, node_id: str) -> None:
    """A machine speaks of itself alone.

    Raises:
        Forbidden: it names another machine as where an instance runs.
    """
    if caller.principal.channel is Channel.CERTIFICATE and caller.principal.id != f"{MACHINE}{node_id}":
        raise Forbidden("a machine registers what runs on it, under its own node_id")
