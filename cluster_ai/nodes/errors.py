"""What can go wrong between a head and its machines. Pure."""

from cluster_ai.core.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unavailable


class JoinRefused(Unauthenticated):
    """The join line opens nothing (any more)."""

    code = "join_refused"


class NameTaken(Conflict):
    """Another machine has that name."""

    code = "machine_name_taken"


class NoSuchMachine(NotFound):
    """No machine has that name; those that have left have none any more."""

    code = "machine_not_found"


def not_called(name: str) -> NoSuchMachine:
    """No machine has this name."""
    values = {"about": "named", "name": name}
    return NoSuchMachine(f"no machine is called {name}", hint="cluster-ai node ls", values=values)


def is_a_node(name: str, *, embedded: bool) -> NoSuchMachine:
    """No machine has this name, but a node of the head's own gateway has: it takes no machine's orders."""
    about = "own_node" if embedded else "gateway_node"
    kind = "the head's embedded node" if embedded else "a node of the gateway itself"
    hint = (
        "to take it out: enabled = false under [node] in config.toml, then cluster-ai restart"
        if embedded
        else "to give it no new work: drain = true under its [[gateway.upstreams]] (name, url) in config.toml, "
        "then cluster-ai reload"
    )
    values = {"about": about, "name": name}
    return NoSuchMachine(f"{name} is {kind}, and no machine that has joined", hint=hint, values=values)


class MachineUnreachable(Unavailable):
    """The machine's own door does not open, or closed in the middle of an answer."""

    code = "machine_unreachable"


class NotItself(Forbidden):
    """A machine speaks for another one."""

    code = "not_itself"


class LateHeartbeat(Conflict):
    """It came after a newer one, or is a copy."""

    code = "late_heartbeat"


class TooManyCertificates(Unavailable):
    """A machine asks for certificates again and again."""

    code = "too_many_certificates"


class StaysAlone(Conflict):
    """This head has no address in the LAN, so that no machine could reach it."""

    code = "stays_alone"
