"""The keys room as a gateway has it: keys known, limits counted, usage stored, for as long as a block runs."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.late import late
from cluster_ai.keys.credentials import Known, Rules
from cluster_ai.keys.ledger import Ledger
from cluster_ai.keys.meter import Meter
from cluster_ai.keys.source import KeySource, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """Without ``database_url`` there are no keys; without ``redis_url`` this gateway counts alone."""

    rules: Rules
    database_url: str | None = None
    redis_url: str | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """Everything a gateway needs of the room. ``source`` and ``ledger`` are None where there is no database."""

    rules: Rules
    now: Callable[[], float]
    meter: Meter
    source: KeySource | None = None
    ledger: Ledger | None = None

    @property
    def known(self) -> Known:
        """The keys in force."""
        return self.source.known if self.source else Known(read=True)


@asynccontextmanager
async def open_ring(config: KeysConfig, *, now: Callable[[], float] = time.time) -> AsyncIterator[Ring]:
    """Reads the keys and follows them inside the block. ``now`` answers Unix seconds.

    Raises:
        Misconfigured: the address of Redis cannot be one.
    """
    async with AsyncExitStack() as stack:
        shared = None
        if config.redis_url:
            # Imported here: most gateways count alone, and the client weighs 9 MiB.
            from cluster_ai.keys.shared import open_shared  # noqa: PLC0415

            shared = await stack.enter_async_context(open_shared(config.redis_url))
        meter = Meter(now=now, shared=shared)
        await stack.enter_async_context(meter.running())
        if config.database_url is None:
            yield Ring(config.rules, now, meter)
            return
        source = KeySource()
        ledger = Ledger(source)
        await stack.enter_async_context(source.watching(partial(_opened, config.database_url)))
        await stack.enter_async_context(ledger.running())
        yield Ring(config.rules, now, meter, source, ledger)


def _opened(url: str) -> AbstractAsyncContextManager[Store]:
    opened: AbstractAsyncContextManager[Store] = late("cluster_ai.keys.store").open_store(url, on_fatal=_say)
    return opened


def _say(error: ClusterError) -> None:
    # The API's process is the one that ends over this; models can be used without a database.
    log.error("usage is not stored any more", code=error.code, reason=error.message, hint=error.hint)
