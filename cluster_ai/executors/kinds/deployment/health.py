"""Whether what was deployed is healthy: asked again and again until it is, or the time is over."""

import ipaddress
import socket
import time
from typing import Annotated, Final, Self

import httpx2
from pydantic import Field, StringConstraints, model_validator
from yarl import URL

from cluster_ai.core.wire import StrictModel
from cluster_ai.executors.kind import ExecutorSettings, Failed
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import HostPort

ONE_SECONDS: Final = 5.0


class Health(StrictModel):
    """A URL that answers, or a port that takes connections."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@\\]+$", max_length=2048)] | None = Field(
        default=None, description="Answers with one of `statuses`. On this machine, or in `[executors] reach`."
    )
    tcp: HostPort | None = Field(default=None, description="`host:port` that takes connections.")
    statuses: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], Field(min_length=1, max_length=20)] = Field(
        default=(200, 204), description="Statuses of a healthy answer."
    )
    within_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=30.0, description="Until it must be healthy."
    )
    every_seconds: Annotated[float, Field(ge=0.05, le=60)] = Field(default=1.0, description="Pause between two looks.")
    times: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Healthy answers in a row that are enough."
    )

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.url is None) == (self.tcp is None):
            raise ValueError("either url or tcp must be given")
        return self

    @property
    def asked(self) -> str:
        """Whom it asks, ``host:port``."""
        if self.tcp is not None:
            return self.tcp
        url = URL(self.url or "")
        return f"{url.host}:{url.port}"


def is_granted(health: Health, settings: ExecutorSettings) -> bool:
    """Whether this machine lets a ticket look there."""
    host = health.asked.rpartition(":")[0].strip("[]")
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return is_here or health.asked in settings.reach


def await_health(health: Health, stop: Stop) -> None:
    """Until it was healthy so many times in a row.

    Raises:
        Failed: ``unhealthy``, with the last of what was seen.
        Cancelled: the end was asked for.
    """
    ends, row = time.monotonic() + health.within_seconds, 0
    while True:
        seen = stop.during(lambda: _look(health))
        row = 0 if seen else row + 1
        if row >= health.times:
            return
        if time.monotonic() >= ends:
            why = seen or f"it was healthy {row} times in a row only"
            raise Failed("unhealthy", f"{health.asked} within {health.within_seconds:g} s: {why}")
        stop.wait(health.every_seconds)
        stop.check()


def _look(health: Health) -> str:
    """What is wrong; empty when nothing is."""
    if health.url is None:
        host, _, port = health.asked.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), ONE_SECONDS).close()
        except OSError as exc:
            return str(exc)
        return ""
    try:
        status = httpx2.get(health.url, timeout=ONE_SECONDS, follow_redirects=False, trust_env=False).status_code
    except httpx2.HTTPError as exc:
        return f"{type(exc).__name__}: {exc}"
    return "" if status in health.statuses else f"it answers {status}"
