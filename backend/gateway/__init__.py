"""The one endpoint for model clients: raw ASGI, because a framework's layers would be paid for with every token."""

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.gateway.answers import Asked, ClientLeft
from backend.gateway.doors import Door, Routes, WrongMethod, refuse_at
from backend.gateway.life import Life, Plan
from backend.gateway.table import make_routes
from cluster_ai.core.asgi.observe import Requests
from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.room import Room
from cluster_ai.keys.types import KeysUnavailable, KeyUnknown


def create_gateway(plan: Plan) -> ASGIApp:
    """The gateway as an ASGI application; its lifespan opens and closes the clients and the probes."""
    return Gateway(Life(plan))


class Gateway:
    """Finds the door for a request; every error leaves in the caller's dialect."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._requests = Requests(life.inside.http)
        self._routes = Routes(make_routes(life))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._lifespan(receive, send)
            case "http":
                with self._requests.observed(scope) as seen:
                    await self._http(Asked(scope, receive, send, seen))
            case _:
                await send({"type": "websocket.close", "code": 1008, "reason": "no WebSocket here"})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._life.open():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, asked: Asked) -> None:
        room = self._life.room
        assert room is not None, "requests come between startup and shutdown"
        try:
            route = asked.scope["route"] = self._routes.find(asked)
            refuse_at(route, asked)
            await self._pass(route.door, asked, room)
        except WrongMethod as exc:
            await asked.refuse(exc, status=405, headers={"allow": exc.allowed})
        except ClusterError as exc:
            await asked.refuse(exc)
        except ClientLeft:
            return

    async def _pass(self, door: Door, asked: Asked, room: Room) -> None:
        try:
            await door(asked, room)
        except KeysUnavailable:
            # Who calls is looked at before anything of the request is read, so it can begin again.
            if not await self._life.porter.first_look():
                raise
            await door(asked, room)
        except KeyUnknown:
            if not await self._life.porter.look_after_now():
                raise
            await door(asked, room)
