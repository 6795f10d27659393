"""What only our own processes, or this machine, may see of the gateway: its state, decisions and metrics."""

import hmac
from typing import Final
from urllib.parse import parse_qs

from backend.gateway.answers import Asked
from cluster_ai.core.addresses import is_loopback
from cluster_ai.core.errors import InvalidInput, Unauthenticated
from cluster_ai.core.metrics import CONTENT_TYPE, HttpMetrics, render
from cluster_ai.gateway.room import Room
from cluster_ai.gateway.watching.logged import DecisionsView
from cluster_ai.gateway.watching.metrics import Look, gateway_registry
from cluster_ai.gateway.watching.observers import Observing

SHOWN: Final = 32
"""Decisions in a list, when nobody says how many."""
_MOST_DIGITS: Final = 4


class Inside:
    """``token`` is what our own processes show."""

    def __init__(self, token: str, view: Look) -> None:
        self._token = token
        self.observing = Observing()
        self._registry = gateway_registry(view, self.observing)
        self.http = HttpMetrics(self._registry)

    async def state(self, asked: Asked, room: Room) -> None:
        self._demand_token(asked)
        await asked.say(200, room.view().model_dump_json().encode())

    async def decisions(self, asked: Asked, room: Room) -> None:
        """The last ``?limit=N`` decisions, newest first; or the one of ``?id=REQUEST``, in a list that may be empty."""
        self._demand_token(asked)
        wanted = {name: values[-1] for name, values in _query(asked).items()}
        kept, now = room.works.ledger.decisions, room.means.clock()
        if "id" in wanted:
            one = kept.find(wanted["id"])
            rows = [] if one is None else [one]
        else:
            rows = kept.last(_limit(wanted.get("limit", "")))[::-1]
        told = DecisionsView(items=tuple(row.view(now) for row in rows))
        await asked.say(200, told.model_dump_json().encode())

    async def metrics(self, asked: Asked, room: Room) -> None:
        del room
        await asked.say(200, self.figures(asked), kind=CONTENT_TYPE)

    def figures(self, asked: Asked) -> bytes:
        """The metrics of this process, for whoever may see them.

        Raises:
            Unauthenticated: a caller from elsewhere has not shown the internal token.
        """
        client = asked.scope.get("client")
        if client is None or not is_loopback(client[0]):
            self._demand_token(asked)
        return render(self._registry)

    def _demand_token(self, asked: Asked) -> None:
        shown = asked.header(b"authorization").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode("latin-1"), self._token.encode("latin-1")):
            raise Unauthenticated("this is for the cluster's own processes")


def _query(asked: Asked) -> dict[str, list[str]]:
    try:
        return parse_qs(asked.scope.get("query_string", b"").decode("latin-1"), max_num_fields=8)
    except ValueError as exc:
        raise InvalidInput("the query has too many fields") from exc


def _limit(text: str) -> int:
    if not text:
        return SHOWN
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise InvalidInput("limit must be a number", path="limit")
    return int(text)
