"""Tells the collector of traces of every attempt that ends; runs only where spans are wanted."""

import structlog

from cluster_ai.core.bus import Bus
from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.leadership import Leads
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.core.tracing import Tracing
from cluster_ai.plans.spans import ENDINGS, attempt_of

log = structlog.get_logger(__name__)


async def attempt_spans(bus: Bus, database: Database, tracing: Tracing, leads: Leads) -> None:
    """Until it is cancelled. ``leads``: of all heads that hear of an attempt, one tells of it."""
    with bus.subscribe("ticket", bound=4096) as subscription:
        async for message in subscription:
            event = message.data
            if event["type"] not in ENDINGS or not leads():
                continue
            try:
                past = await attempt_of(database, str(event["subject"]), event["data"], float(event["at"]))
            except ClusterError as exc:
                log.warning("an attempt has no span", ticket=event["subject"], code=exc.code, reason=exc.message)
                past = None
            heed_cancellation()
            if past is not None:
                tracing.record(past)
