"""Calls on their way to the nodes, fitted to what these know; and the count of tokens, which none of them knows."""

from backend.gateway.answers import Asked
from backend.gateway.retold import Headed, as_message
from cluster_ai.gateway.dialects.anthropic_tokens import ESTIMATED, counted
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.fitting import Fit, Serving, fit, needs_fitting, shared_by_user
from cluster_ai.gateway.dialects.tools import WARNING
from cluster_ai.gateway.room import Room


def adapted(asked: Asked, call: Call, room: Room) -> tuple[Asked, Call]:
    """The call as its nodes take it, and the request in whose dialect the answer will be said.

    Raises:
        InvalidInput: it asks what its model cannot, or what cannot be translated.
        Unsupported: no node that has the model knows its path.
    """
    if not needs_fitting(call):
        return asked, call
    found = fit(shared_by_user(call), _serving(call, room), policy=room.means.settings.tools)
    return _retold(asked, call, found), found.call


async def count_tokens(asked: Asked, room: Room) -> None:
    """``/v1/messages/count_tokens``: an estimate, and its head says so."""
    del room
    await asked.say(200, counted(await asked.body()), headers=ESTIMATED)


def _serving(call: Call, room: Room) -> list[Serving]:
    found = room.means.pool.serving(room.means.pool.resolve(call.model), call.sender.pins)
    return [Serving(upstream.name, upstream.picture.version, view.capabilities) for upstream, view in found]


def _retold(asked: Asked, call: Call, found: Fit) -> Asked:
    send = asked.send
    if found.warnings:
        send = Headed(send, {WARNING: "; ".join(found.warnings)})
    if found.told is not None:
        send = as_message(send, call, found.told, input_tokens=found.call.chain.tokens)
    return asked if send is asked.send else asked.told_by(send)
