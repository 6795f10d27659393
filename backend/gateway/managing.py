"""Ollama's management endpoints: what changes the models of nodes."""

from http import HTTPMethod, HTTPStatus
from pathlib import Path
from typing import Final

from backend.gateway.answers import Asked
from backend.gateway.doors import SAFE, Route
from backend.gateway.failures import tell_failures
from backend.gateway.managed import CallerOf, Keeper, Visit, Work
from backend.gateway.reports import reporting
from backend.gateway.uploads import blob
from cluster_ai.gateway.managing.asks import BLOBS, Verb
from cluster_ai.gateway.room import Room

_NO_CLOUD: Final = {"cloud": {"disabled": True, "source": "config"}}
"""Ollama's command asks whether models of its vendor's cloud can be used: not through here."""


def managing_routes(caller_of: CallerOf, notice: Path | None = None) -> list[Route]:
    """The routes that change models, for callers with the scope ``models:write``. ``notice`` says what is frozen."""
    keeper, post = Keeper(caller_of, notice), frozenset({HTTPMethod.POST.value})
    reported = [Route(verb.path, post, keeper.door(reporting(verb))) for verb in (Verb.PULL, Verb.PUSH, Verb.CREATE)]
    return [
        *reported,
        Route(Verb.COPY.path, post, keeper.door(_changing(Verb.COPY))),
        Route(Verb.DELETE.path, frozenset({HTTPMethod.DELETE.value}), keeper.door(_changing(Verb.DELETE))),
        Route(BLOBS, post | {HTTPMethod.HEAD.value}, keeper.door(blob)),
        Route("/api/status", SAFE, _status),
    ]


def _changing(verb: Verb) -> Work:
    async def work(visit: Visit) -> None:
        ask, plan = await visit.planned(verb)
        outcome = await visit.upkeep.change(ask, plan)
        done = tuple(name for name, why in outcome.items() if why is None)
        if failures := {name: why for name, why in outcome.items() if why}:
            await tell_failures(visit.asked, failures, done=done)
        else:
            await visit.asked.say(HTTPStatus.OK, b"", headers={"x-cluster-node": ", ".join(done)})

    return work


async def _status(asked: Asked, room: Room) -> None:
    del room
    await asked.say_json(_NO_CLOUD)
