"""The desk for attempts, asked in plain values. Used by the dispatcher."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from distributed import rpc
from pydantic import ValidationError

from cluster_ai.compute.reach import READABLE, STRANGE, knock, reason, with_scheme
from cluster_ai.compute.tickets.words import CANCEL, LOOK, SUBMIT, Errand, Sight, Taken
from cluster_ai.core.errors import Unavailable

ANSWER_SECONDS: Final = 8.0


class SchedulerAway(Unavailable):
    """The scheduler does not answer: attempts wait until it does."""

    code = "scheduler_away"


class SchedulerTickets:
    """Keeps one connection and makes it again when it broke. Every method may raise ``SchedulerAway``."""

    def __init__(self, address: str) -> None:
        self._address = with_scheme(address)
        self._scheduler: Any = None
        self._answered = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        called = rpc(  # type: ignore[no-untyped-call]
            self._address, timeout=ANSWER_SECONDS, serializers=READABLE, deserializers=READABLE
        )
        self._scheduler = await self._stack.enter_async_context(called)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    async def submit(self, errands: Sequence[Errand]) -> Taken:
        """Hands in; the same attempt again while it is held changes nothing."""
        said = [errand.model_dump(mode="json") for errand in errands]
        return Taken.model_validate(await self._ask(SUBMIT, errands=said))

    async def cancel(self, ticket_id: str, attempt: int, worker: str) -> bool:
        """Ends it, begun or not; whether anything of it was there."""
        return bool(await self._ask(CANCEL, ticket_id=ticket_id, attempt=attempt, worker=worker))

    async def look(self) -> Sight:
        """What is there now."""
        return Sight.model_validate(await self._ask(LOOK))

    async def _ask(self, operation: str, **said: Any) -> Any:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if not self._answered:
                    # Dask tries a refused connection again until time is up; the socket says at once why not.
                    await knock(self._address)
                answer = await getattr(self._scheduler, operation)(**said)
        except TimeoutError as exc:
            self._answered = False
            raise SchedulerAway(f"the scheduler does not answer within {ANSWER_SECONDS:.0f} s") from exc
        except OSError as exc:
            self._answered = False
            raise SchedulerAway(f"the scheduler does not answer: {reason(exc)}") from exc
        except (*STRANGE, ValidationError) as exc:
            self._answered = False
            raise SchedulerAway("what listens there is no scheduler of this cluster") from exc
        self._answered = True
        return answer
