"""A worker's first question to its scheduler, before anything of it is started: may I come? And its last word."""

import asyncio
import contextlib
from typing import Any, Final

from distributed import rpc

from cluster_ai.compute.admission import OPERATION
from cluster_ai.compute.link import Link
from cluster_ai.compute.notices import LEAVING
from cluster_ai.compute.places import Post
from cluster_ai.compute.reach import READABLE, STRANGE, knock, reason, with_scheme
from cluster_ai.compute.versions import Difference, here, refusal
from cluster_ai.core.errors import Unavailable

ANSWER_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.2
TELL_SECONDS: Final = 1.0
"""A scheduler that does not listen cannot keep a worker from stopping."""


async def ask_admission(post: Post, link: Link | None, *, patience: float) -> None:
    """Comes back when the scheduler, which has ``patience`` seconds to appear, would take this worker.

    Raises:
        VersionsDiffer: it would not, with the versions here.
        Unavailable: no scheduler answers at that address, or it does not take our certificate.
    """
    address = with_scheme(post.scheduler)
    try:
        await _appears(address, patience)
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await _ask(address, post, link)
    except TimeoutError as exc:
        raise _away(address, f"no answer within {ANSWER_SECONDS:.0f} s") from exc
    except OSError as exc:
        raise _away(address, reason(exc)) from exc
    except STRANGE as exc:
        raise _away(address, "what listens there is no scheduler of this cluster") from exc
    if found:
        raise refusal(post.name, found)


async def say_leaving(scheduler: Any, address: str) -> None:
    """Tells it that the worker at ``address`` is being stopped.

    The nanny says so, for a worker cannot while a task holds the GIL; it would be taken for lost when it is ended.
    """
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(TELL_SECONDS):
            await scheduler.log_event(topic=address, msg={"action": LEAVING, "reason": "asked to stop"})


async def _ask(address: str, post: Post, link: Link | None) -> list[Difference]:
    args = link.get_connection_args("worker") if link else {}
    called = rpc(  # type: ignore[no-untyped-call]
        address, connection_args=args, timeout=ANSWER_SECONDS, serializers=READABLE, deserializers=READABLE
    )
    async with called:
        answer = await getattr(called, OPERATION)(name=post.name, versions=here(post.environment))
        return [Difference(str(what), str(worker), str(scheduler)) for what, worker, scheduler in answer["differences"]]


async def _appears(address: str, patience: float) -> None:
    end = asyncio.get_running_loop().time() + patience
    while True:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await knock(address)
        except OSError:
            if asyncio.get_running_loop().time() >= end:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


def _away(address: str, why: str) -> Unavailable:
    return Unavailable(f"the worker cannot start with the scheduler at {address}: {why}")
