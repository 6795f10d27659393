"""Answers to the registry's gRPC calls: who calls, whether they may, the verb, and errors as statuses."""

import asyncio
from collections.abc import Container, Mapping
from typing import Any, Final

import grpc

from backend.plane import Plane
from backend.registry import tickets
from backend.registry.asking import Admit, admitted, signed_in
from backend.registry.failing import fail
from backend.registry.telling import Telling
from backend.registry.verbs import VERBS, WATCH, WATCH_REQUEST, Verb
from cluster_ai.core.errors import ClusterError

SERVICE: Final = "cluster_ai.registry.v1.Registry"
ANSWER_SECONDS: Final = 10.0
"""A call that takes longer is ended, also when its client set no deadline."""


def handlers(plane: Plane, *, revoked: Container[int]) -> Any:
    """All verbs, as the server takes them."""
    found: Mapping[str, Any] = {name: _unary(plane, verb, revoked) for name, verb in VERBS.items()}
    telling = Telling(plane, lambda context: admitted(plane, context, WATCH, revoked=revoked))
    watch = grpc.unary_stream_rpc_method_handler(telling.watch, request_deserializer=WATCH_REQUEST.FromString)
    return grpc.method_handlers_generic_handler(SERVICE, {**found, "Watch": watch})


def ticket_handlers(plane: Plane, *, revoked: Container[int]) -> Any:
    """Those of tickets, which are for people and their programs: a machine's certificate opens none."""
    found = {name: _unary(plane, verb, revoked, admit=signed_in) for name, verb in tickets.VERBS.items()}
    return grpc.method_handlers_generic_handler(tickets.SERVICE, found)


def _unary(plane: Plane, verb: Verb, revoked: Container[int], *, admit: Admit = admitted) -> Any:
    async def answered(request: Any, context: Any) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                caller = await admit(plane, context, verb.rule, revoked=revoked)
                answer: bytes = (await verb.act(plane, caller, request)).SerializeToString()
                return answer
        except ClusterError as exc:
            await fail(context, exc)
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "unavailable: this took too long")
        raise AssertionError("a call that failed was ended")

    return grpc.unary_unary_rpc_method_handler(answered, request_deserializer=verb.request.FromString)
