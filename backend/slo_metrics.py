"""Objectives as Prometheus metrics, and the API's own requests counted for them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import FastAPI
from prometheus_client.core import Metric

from backend.plane import Plane
from backend.scraped import Scraped
from cluster_ai.core.metrics import HttpMetrics
from cluster_ai.slo.judging import of_request
from cluster_ai.slo.metrics import metrics_of

PROBES: Final = frozenset({"/health", "/ready", "/live", "/metrics"})
"""Nobody waits for their answers, and ``/ready`` says 503 when all is as it should be told."""


class SloCollector(Scraped[Plane]):
    """Objectives, their budgets and freezes."""

    def of(self, plane: Plane) -> Iterator[Metric]:
        yield from metrics_of(plane.slo.room)


@contextmanager
def counted(app: FastAPI, plane: Plane) -> Iterator[None]:
    """Inside the block requests to the API count for its objectives."""
    http: HttpMetrics = app.state.http
    take = plane.slo.room.measuring.counting.take

    def told(route: str, status: int, seconds: float) -> None:
        if route not in PROBES:
            take(of_request(at=time.time(), route=route, status=status, seconds=seconds))

    http.told.append(told)
    try:
        yield
    finally:
        http.told.remove(told)
