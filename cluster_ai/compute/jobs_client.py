"""The jobs at the scheduler's desk, asked in plain values. Used by the API."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from distributed import rpc
from pydantic import ValidationError

from cluster_ai.compute.desk import CANCEL, LIST, SHOW, SUBMIT
from cluster_ai.compute.job_types import JobDetail, JobRequest, JobView
from cluster_ai.compute.reach import READABLE, STRANGE, knock, reason, with_scheme
from cluster_ai.core.errors import ClusterError, Conflict, InvalidInput, NotFound, Unavailable

ANSWER_SECONDS: Final = 8.0
_KINDS: Final[dict[str, type[ClusterError]]] = {kind.code: kind for kind in (InvalidInput, NotFound, Conflict)}


class SchedulerJobs:
    """Keeps one connection and makes it again when it broke. Every method may raise ``Unavailable``."""

    def __init__(self, address: str) -> None:
        self._address = with_scheme(address)
        self._scheduler: Any = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        called = rpc(  # type: ignore[no-untyped-call]
            self._address, timeout=ANSWER_SECONDS, serializers=READABLE, deserializers=READABLE
        )
        self._scheduler = await self._stack.enter_async_context(called)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    async def submit(self, request: JobRequest) -> JobView:
        """Hands a job in; it is on disk when this comes back.

        Raises:
            Conflict: too many wait already.
        """
        return JobView.model_validate(await self._ask(SUBMIT, request=request.model_dump(mode="json")))

    async def jobs(self) -> tuple[JobView, ...]:
        """The newest first."""
        return tuple(JobView.model_validate(one) for one in await self._ask(LIST))

    async def job(self, job_id: str) -> JobDetail:
        """With result and output.

        Raises:
            NotFound: there is none.
        """
        return JobDetail.model_validate(await self._ask(SHOW, job_id=job_id))

    async def cancel(self, job_id: str) -> JobView:
        """Ends it.

        Raises:
            NotFound: there is none.
            Conflict: it has ended already.
        """
        return JobView.model_validate(await self._ask(CANCEL, job_id=job_id))

    async def _ask(self, operation: str, **said: Any) -> Any:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await knock(self._address)
                answer = await getattr(self._scheduler, operation)(**said)
            return _read(answer)
        except TimeoutError as exc:
            raise Unavailable(f"the scheduler does not answer within {ANSWER_SECONDS:.0f} s") from exc
        except OSError as exc:
            raise Unavailable(f"the scheduler does not answer: {reason(exc)}") from exc
        except (*STRANGE, ValidationError) as exc:
            raise Unavailable("what listens there is no scheduler of this cluster") from exc


def _read(answer: Any) -> Any:
    if "error" in answer:
        kind = _KINDS.get(answer["code"], Unavailable)
        raise kind(str(answer["error"]), hint=str(answer["hint"]))
    return answer["answer"]
