"""``POST /api/v1/work/{ticket}/{verb}`` and ``/api/v1/work/batch/{verb}``: workers begin, report and end attempts.

A raw ASGI application, with the same answers on loopback and under the cluster's TLS. Who asks is told by the attempt's
own token, which is worth nothing beyond that attempt; in a batch each item brings its own. On the machines' door the
caller has shown a member's certificate before.
"""

import re
from typing import Final

from starlette.types import Receive, Scope, Send

from backend.errors import MethodNotAllowed, NoSuchRoute, response_of
from cluster_ai.core.asgi.raw import ClientLeft, bearer, say, whole_body
from cluster_ai.core.errors import ClusterError, Unauthenticated
from cluster_ai.core.wire import View
from cluster_ai.plans.clerk import Clerk

PREFIX: Final = "/api/v1/work/"
_PATH: Final = re.compile(r"^/api/v1/work/(?P<ticket>[0-9a-f-]{36})/(?P<verb>[a-z]{1,16})$")
_MANY: Final = f"{PREFIX}batch/"


class WorkDoor:
    """One path for all tickets and verbs."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk = clerk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._answer(scope, receive)
        except ClientLeft:
            return
        except ClusterError as exc:
            await response_of(exc)(scope, receive, send)
            return
        await say(send, reply)

    async def _answer(self, scope: Scope, receive: Receive) -> View:
        path: str = scope["path"]
        found = _PATH.match(path)
        if found is None and not path.startswith(_MANY):
            raise NoSuchRoute("there is no such path")
        if scope["method"] != "POST":
            raise MethodNotAllowed("this path takes POST alone")
        body = await whole_body(receive)
        if found is None:
            return await self._clerk.answer_many(path.removeprefix(_MANY), body)
        return await self._clerk.answer(found["ticket"], found["verb"], token_of(scope), body)


def token_of(scope: Scope) -> str:
    """The ticket's token of a request.

    Raises:
        Unauthenticated: it brought none.
    """
    if token := bearer(scope):
        return token
    raise Unauthenticated("the ticket's token is missing", hint="send it as Authorization: Bearer ...")
