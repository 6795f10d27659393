"""Machines of the LAN and their join lines as calls of the management API. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from cluster_ai.client.calls import API, Call, Listing, nothing, segment
from cluster_ai.nodes.views import InvitationView, MachineView, MadeInvitation, OrderView, PowerView

STREAM_SECONDS: Final = 3700.0
"""A log may have nothing to say for long."""


class Machines(Listing[MachineView]):
    """All of them."""


class Orders(Listing[OrderView]):
    """The last of a machine."""


class Invitations(Listing[InvitationView]):
    """All of them."""


def machines() -> Call[tuple[MachineView, ...]]:
    return Call("GET", f"{API}/machines", lambda body: Machines.model_validate_json(body).items)


def machine(name: str) -> Call[MachineView]:
    return Call("GET", f"{API}/machines/{segment(name)}", MachineView.model_validate_json)


def power(*, first: str = "", last: str = "") -> Call[PowerView]:
    """Days as ``YYYY-MM-DD`` of UTC, both with; empty: thirty days until today."""
    query = {name: day for name, day in (("first", first), ("last", last)) if day}
    return Call("GET", f"{API}/power", PowerView.model_validate_json, query=query)


def change_machine(name: str, **changes: Any) -> Call[MachineView]:
    """``changes``: cordoned, draining, labels."""
    return Call("PATCH", f"{API}/machines/{segment(name)}", MachineView.model_validate_json, body=changes)


def order_machine(name: str, verb: str, argument: str = "") -> Call[OrderView]:
    body = {"verb": verb, "argument": argument}
    return Call("POST", f"{API}/machines/{segment(name)}/orders", OrderView.model_validate_json, body=body)


def machine_orders(name: str) -> Call[tuple[OrderView, ...]]:
    """The newest first; those that have ended, too."""
    read = lambda body: Orders.model_validate_json(body).items  # noqa: E731
    return Call("GET", f"{API}/machines/{segment(name)}/orders", read)


def wake_machine(name: str) -> Call[None]:
    return Call("POST", f"{API}/machines/{segment(name)}/wake", lambda _: None, body={})


def remove_machine(name: str) -> Call[MachineView]:
    return Call("DELETE", f"{API}/machines/{segment(name)}", MachineView.model_validate_json)


def machine_logs(name: str, *, part: str, lines: int, follow: bool) -> Call[None]:
    """Lines ``{"part": ..., "line": ...}``, streamed."""
    query = {"part": part, "lines": str(lines), "follow": "true" if follow else "false"}
    return Call("GET", f"{API}/machines/{segment(name)}/logs", nothing, query=query, seconds=STREAM_SECONDS)


def machine_exec(name: str, argv: Sequence[str], *, seconds: float) -> Call[None]:
    """Lines ``{"out": ...}``, ``{"err": ...}``, and at last ``{"exit": ...}``, streamed."""
    body = {"argv": list(argv), "timeout": seconds}
    return Call("POST", f"{API}/machines/{segment(name)}/exec", nothing, body=body, seconds=seconds + 10)


def refuse_host_key(target: str, *, expected: str, shown: str) -> Call[None]:
    """Tells the audit log of a machine that showed another host key than it had."""
    body = {"target": target, "expected": expected, "shown": shown}
    return Call("POST", f"{API}/host-keys/refusals", nothing, body=body)


def invite(*, minutes: float | None, labels: Sequence[str]) -> Call[MadeInvitation]:
    body: dict[str, Any] = {"labels": list(labels)} | ({} if minutes is None else {"minutes": minutes})
    return Call("POST", f"{API}/invitations", MadeInvitation.model_validate_json, body=body)


def invitations() -> Call[tuple[InvitationView, ...]]:
    return Call("GET", f"{API}/invitations", lambda body: Invitations.model_validate_json(body).items)


def revoke_invitation(invitation: str) -> Call[InvitationView]:
    return Call("DELETE", f"{API}/invitations/{segment(invitation)}", InvitationView.model_validate_json)
