"""What the gateway tells by itself: that it is there, and which models there are as far as a caller may use them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from backend.gateway.answers import Asked
from cluster_ai.core.errors import NotFound
from cluster_ai.gateway.nodes import lists
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.room import Room
from cluster_ai.keys.rights import may_use
from cluster_ai.keys.types import Caller

MODEL: Final = "/v1/models/"

CallerOf = Callable[[Asked], Caller]
Door = Callable[[Asked, Room], Awaitable[None]]


def list_doors(caller_of: CallerOf) -> dict[str, Door]:
    """By path."""
    return {
        "/": _root,
        "/health": _health,
        "/api/tags": _listing(lists.tags, caller_of),
        "/api/ps": _listing(lists.loaded, caller_of),
        "/api/version": _listing(lists.version, caller_of),
        "/v1/models": _listing(lists.openai_models, caller_of, rows="data", name="id"),
        MODEL: _one_model(caller_of),
    }


def _listing(
    make: Callable[[Pool], dict[str, Any]], caller_of: CallerOf, *, rows: str = "models", name: str = "name"
) -> Door:
    """The door of a list; ``rows`` is the field that holds it and ``name`` a row's field with the model's name."""

    async def door(asked: Asked, room: Room) -> None:
        caller = caller_of(asked)
        said = make(room.means.pool)
        if caller.models and rows in said:
            said = {**said, rows: [row for row in said[rows] if may_use(caller, str(row.get(name, "")))]}
        await asked.say_json(said)

    return door


def _one_model(caller_of: CallerOf) -> Door:
    """The door of ``/v1/models/NAME``."""

    async def door(asked: Asked, room: Room) -> None:
        caller = caller_of(asked)
        name = asked.path.removeprefix(MODEL)
        found = lists.openai_model(room.means.pool, name) if may_use(caller, name) else None
        if found is None:
            # What a key may not use is not there for it.
            raise NotFound(f"model '{name[:100]}' not found")
        await asked.say_json(found)

    return door


async def _root(asked: Asked, room: Room) -> None:
    del room
    await asked.say(200, b"Ollama is running", kind="text/plain; charset=utf-8")


async def _health(asked: Asked, room: Room) -> None:
    del room
    await asked.say_json({"status": "ok"})
