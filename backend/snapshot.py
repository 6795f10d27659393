"""From readings to the picture that people see. Pure."""

from collections import deque
from dataclasses import dataclass, field

from backend.sources import Readings, Silent
from cluster_ai.gateway.types import GatewayView, UpstreamKind, UpstreamState
from cluster_ai.supervisor.types import PartState, SupervisorView
from cluster_ai.views import (
    CheckView,
    Endpoints,
    NodeView,
    OverviewView,
    Rates,
    SystemView,
    merge_models,
)

WINDOW_SECONDS = 5.0
ALIVE = frozenset({UpstreamState.HEALTHY, UpstreamState.SUSPECT})
"""A suspect node missed one probe or one request; it is asked again before anybody is told."""


@dataclass(frozen=True, slots=True)
class About:
    """What never changes while the process runs. ``started_at`` in Unix seconds."""

    name: str
    version: str
    endpoints: Endpoints
    started_at: float
    wants_workers: bool


@dataclass(slots=True)
class RateWindow:
    """Differences of the gateway's counters over the last seconds; begins again when the gateway did."""

    _samples: deque[tuple[float, GatewayView]] = field(default_factory=deque)

    def add(self, at: float, view: GatewayView) -> Rates:
        """The rates up to this sample. ``at`` in Unix seconds; a clock that jumps back begins a new window."""
        if self._samples and (self._samples[-1][1].started_at != view.started_at or at <= self._samples[-1][0]):
            self._samples.clear()
        self._samples.append((at, view))
        while len(self._samples) > 2 and self._samples[1][0] <= at - WINDOW_SECONDS:  # noqa: PLR2004 - both ends
            self._samples.popleft()
        began, first = self._samples[0]
        span, now, then = at - began, view.totals, first.totals

        def pace(after: int, before: int) -> float:
            return round(max(0, after - before) / span, 3) if span > 0 else 0.0

        return Rates(
            requests_per_second=pace(now.requests, then.requests),
            tokens_per_second=pace(now.output_tokens, then.output_tokens),
            errors_per_second=pace(now.errors, then.errors),
            inflight=view.inflight,
            requests_total=now.requests,
            errors_total=now.errors,
            output_tokens_total=now.output_tokens,
        )

    def last(self) -> GatewayView | None:
        """What the gateway said last; None when it never did."""
        return self._samples[-1][1] if self._samples else None


def overview(about: About, readings: Readings, rates: RateWindow, *, database: CheckView) -> OverviewView:
    """The whole picture. While the gateway is silent its last word stands, and is marked as such."""
    live = None if isinstance(readings.gateway, Silent) else readings.gateway
    said = rates.last() if live is None else live
    nodes = () if said is None else tuple(NodeView.model_validate(up.model_dump()) for up in said.upstreams)
    flow = _standing(said) if live is None else rates.add(readings.at, live)
    return OverviewView(
        at=readings.at,
        system=_system(about, readings, database=database),
        rates=flow,
        nodes=nodes,
        models=merge_models(nodes),
        compute=readings.compute,
        gateway_reachable=live is not None,
    )


def checks(about: About, readings: Readings, *, database: CheckView) -> tuple[CheckView, ...]:
    """Every dependency, each with what is wrong and what to do."""
    found = [database, _gateway(readings.gateway)]
    if not isinstance(readings.gateway, Silent):
        found += _nodes(readings.gateway)
    found += _compute(about, readings)
    found.append(_supervisor(readings.supervisor))
    return tuple(found)


def is_ready(found: tuple[CheckView, ...]) -> bool:
    """A node that is down does not count while another one serves."""
    nodes = [check for check in found if check.name.startswith("node:")]
    others = [check for check in found if not check.name.startswith("node:")]
    return all(check.ok for check in others) and (not nodes or any(check.ok for check in nodes))


def _standing(said: GatewayView | None) -> Rates:
    if said is None:
        return Rates()
    totals = said.totals
    return Rates(
        requests_total=totals.requests, errors_total=totals.errors, output_tokens_total=totals.output_tokens
    )  # fmt: skip


def _system(about: About, readings: Readings, *, database: CheckView) -> SystemView:
    supervisor = readings.supervisor
    known = isinstance(supervisor, SupervisorView)
    began = supervisor.started_at if isinstance(supervisor, SupervisorView) else about.started_at
    wrong = [check for check in checks(about, readings, database=database) if not check.ok]
    return SystemView(
        name=about.name,
        version=about.version,
        uptime_seconds=max(0.0, readings.at - began),
        endpoints=about.endpoints,
        host=readings.host,
        parts=supervisor.parts if known and isinstance(supervisor, SupervisorView) else (),
        problems=tuple(f"{check.name}.down: {check.detail}" for check in wrong),
    )


def _gateway(reading: GatewayView | Silent) -> CheckView:
    if isinstance(reading, Silent):
        return CheckView(
            name="gateway",
            ok=False,
            detail=f"the gateway does not answer: {reading.reason}",
            hint="./manager.sh logs gateway",
        )
    return CheckView(name="gateway", ok=True)


def _nodes(view: GatewayView) -> list[CheckView]:
    if not view.upstreams:
        hint = "start the embedded node (node.enabled) or name an Ollama under gateway.upstreams in config.toml"
        return [CheckView(name="nodes", ok=False, detail="no node serves models", hint=hint)]
    found = []
    for node in view.upstreams:
        ok = node.state in ALIVE
        reason = node.last_error or "it was not reached yet"
        embedded = node.kind is UpstreamKind.EMBEDDED
        hint = (
            "./manager.sh logs node"
            if embedded
            else f"./manager.sh node show {node.name}; on that machine: cluster-ai status"
            if node.kind is UpstreamKind.MACHINE
            else f"is Ollama running at {node.url}?"
        )
        detail = "" if ok else f"node {node.name} is {node.state.value}: {reason}"
        found.append(CheckView(name=f"node:{node.name}", ok=ok, detail=detail, hint="" if ok else hint))
    return found


def _compute(about: About, readings: Readings) -> list[CheckView]:
    view = readings.compute
    if not view.reachable:
        detail = f"the Dask scheduler does not answer: {view.error or 'no reason known'}"
        return [CheckView(name="scheduler", ok=False, detail=detail, hint="./manager.sh logs scheduler")]
    found = [CheckView(name="scheduler", ok=True)]
    if about.wants_workers:
        ok = bool(view.workers)
        detail = "" if ok else "no Dask worker is connected to the scheduler"
        found.append(CheckView(name="workers", ok=ok, detail=detail, hint="" if ok else "./manager.sh logs worker-0"))
    return found


def _supervisor(reading: SupervisorView | Silent) -> CheckView:
    if isinstance(reading, Silent):
        detail = f"the supervisor does not answer: {reading.reason}"
        return CheckView(name="supervisor", ok=False, detail=detail, hint="./manager.sh start")
    failed = [part.name for part in reading.parts if part.state is PartState.FAILED]
    if failed:
        detail = f"gave up on {', '.join(failed)} after too many deaths"
        return CheckView(name="supervisor", ok=False, detail=detail, hint=f"./manager.sh logs {failed[0]}")
    return CheckView(name="supervisor", ok=True)
