"""Words of the room of objectives: what a service promises, what is left of its budget, and what that forbids."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints, model_validator

from cluster_ai.core.wire import Name, Slice, StrictModel, Text, View

DAY: Final = 86_400
HOUR: Final = 3600
MINUTE: Final = 60
MOST_DAYS: Final = 90
LONGEST_QUERY: Final = 4096
HISTORY_DAYS: Final = 30

SloId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A short name that is safe in a URL, a file name and a label of Prometheus."""
Label = Annotated[str, StringConstraints(max_length=128, pattern=r"^([A-Za-z0-9][A-Za-z0-9._:@/-]*)?$")]
Query = Annotated[Text, Field(max_length=LONGEST_QUERY)]
Words = Annotated[Text, Field(max_length=512)]


class SloType(StrEnum):
    """What is promised."""

    AVAILABILITY = "AVAILABILITY"
    """Calls that the cluster itself failed are bad."""
    LATENCY = "LATENCY"
    """Calls that took longer than ``threshold_seconds`` are bad."""
    ERROR_RATE = "ERROR_RATE"
    """Calls that ended with any error are bad, also those that were the caller's mistake."""
    CUSTOM = "CUSTOM"
    """Two queries of Prometheus say how many were valid, and how many of these good or bad."""


class Budgeting(StrEnum):
    """What the budget is counted in; words of OpenSLO."""

    OCCURRENCES = "Occurrences"
    """Bad events of all events."""
    TIMESLICES = "Timeslices"
    """Bad minutes of the period's minutes; a minute is bad when its own ratio is below ``slice_target``."""
    RATIO_TIMESLICES = "RatioTimeslices"
    """The mean of the minutes' ratios, whatever the traffic in each."""


class Source(StrEnum):
    """Where events come from."""

    GATEWAY = "gateway"
    TICKETS = "tickets"
    NODES = "nodes"
    API = "api"
    PROMETHEUS = "prometheus"


class Measure(StrEnum):
    """What of a call's time counts."""

    TTFT = "ttft"
    """From its arrival to the first byte of the answer."""
    TOTAL = "total"


class SliQuery(StrictModel):
    """Which events count, and what makes one good. Empty filters take all."""

    source: Source = Field(default=Source.GATEWAY, strict=False)
    model: Label = ""
    node: Label = ""
    kind: Label = ""
    """Of a ticket, or the route template of a call of the API."""
    measure: Measure = Field(default=Measure.TOTAL, strict=False)
    threshold_seconds: Annotated[float, Field(gt=0, le=DAY)] | None = None
    good: Query = ""
    """PromQL; ``$window`` stands for the range. Either ``good`` or ``bad`` beside ``valid``."""
    bad: Query = ""
    valid: Query = ""


class BurnAlert(StrictModel):
    """One row of an alert: fires when both windows burn faster than ``budget`` of all the budget in the long one."""

    severity: Annotated[str, StringConstraints(pattern=r"^(page|ticket)$")]
    budget: Annotated[float, Field(gt=0, le=1)]
    long_seconds: Annotated[int, Field(ge=2 * MINUTE, le=MOST_DAYS * DAY, multiple_of=MINUTE)]
    short_seconds: Annotated[int, Field(ge=MINUTE, le=MOST_DAYS * DAY, multiple_of=MINUTE)]

    @model_validator(mode="after")
    def _is_shorter(self) -> "BurnAlert":
        if self.short_seconds >= self.long_seconds:
            raise ValueError("short_seconds must be less than long_seconds")
        return self


ALERTS: Final = (
    BurnAlert(severity="page", budget=0.02, long_seconds=HOUR, short_seconds=5 * MINUTE),
    BurnAlert(severity="page", budget=0.05, long_seconds=6 * HOUR, short_seconds=30 * MINUTE),
    BurnAlert(severity="ticket", budget=0.10, long_seconds=DAY, short_seconds=2 * HOUR),
    BurnAlert(severity="ticket", budget=0.10, long_seconds=3 * DAY, short_seconds=6 * HOUR),
)
"""Those of the SRE workbook, chapter 5, table 5-8, for thirty days: factors 14.4, 6, 3 and 1."""

SEVEN_DAYS: Final = (
    BurnAlert(severity="page", budget=0.08, long_seconds=HOUR, short_seconds=5 * MINUTE),
    BurnAlert(severity="page", budget=0.125, long_seconds=6 * HOUR, short_seconds=30 * MINUTE),
    BurnAlert(severity="ticket", budget=0.20, long_seconds=DAY, short_seconds=2 * HOUR),
    BurnAlert(severity="ticket", budget=0.42, long_seconds=3 * DAY, short_seconds=6 * HOUR),
)
"""Shares that Sloth has for seven days: the same windows are a larger part of a shorter period."""


class Thresholds(StrictModel):
    """Shares of the budget that are left when a status begins."""

    warning: Annotated[float, Field(gt=0, lt=1)] = 0.5
    critical: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _is_ordered(self) -> "Thresholds":
        if self.critical >= self.warning:
            raise ValueError("critical must be less than warning")
        return self


class Objective(StrictModel):
    """What is promised: ``target`` of the valid events of ``window_days`` are good."""

    name: Annotated[Text, Field(min_length=1, max_length=128)]
    slo_type: SloType = Field(default=SloType.AVAILABILITY, strict=False)
    service_name: Name = "gateway"
    layer: Label = ""
    """The group that it belongs to; freezes of that group follow it."""
    description: Words = ""
    target: Annotated[float, Field(gt=0, lt=1)]
    window_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 30
    budgeting: Budgeting = Field(default=Budgeting.OCCURRENCES, strict=False)
    slice_target: Annotated[float, Field(gt=0, le=1)] | None = None
    sli_query: SliQuery = SliQuery()
    min_bad_events: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """An alert needs as many in its long window: one failure among five calls wakes nobody."""
    alert_windows: Annotated[tuple[BurnAlert, ...], Field(max_length=8, strict=False)] = ()
    """The workbook's for the period when empty."""
    thresholds: Thresholds = Thresholds()
    enabled: bool = True

    @property
    def period_seconds(self) -> int:
        return self.window_days * DAY

    @property
    def alerts(self) -> tuple[BurnAlert, ...]:
        """Its own, or the usual ones that fit into its period."""
        usual = ALERTS if self.window_days > 14 else SEVEN_DAYS  # noqa: PLR2004 - nearer to thirty days than to seven
        return self.alert_windows or tuple(one for one in usual if one.long_seconds <= self.period_seconds)


class NewObjective(Objective):
    """``slo_id`` is made from the name when it is left out."""

    slo_id: SloId | None = None


class ObjectiveView(View):
    """An objective as it is kept. ``warnings``: alerts that can never fire, and what would."""

    slo_id: str
    objective: Objective
    origin: str = ""
    """The file that it stands in; empty for one that was made through the API."""
    created_at: float
    updated_at: float
    warnings: tuple[str, ...] = ()


def etag(view: ObjectiveView) -> str:
    """Another one after every change of the objective: what ``ETag`` and ``If-Match`` carry."""
    return f'"{view.updated_at:.6f}"'


class Status(StrEnum):
    """By what is left of the budget."""

    HEALTHY = "HEALTHY"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    EXHAUSTED = "EXHAUSTED"
    NO_DATA = "NO_DATA"


class Pace(StrEnum):
    """How fast a budget is spent; 1 spends it exactly over the period."""

    NORMAL = "NORMAL"
    ELEVATED = "ELEVATED"
    FAST = "FAST"
    CRITICAL = "CRITICAL"


class BurnView(View):
    """One window. None where nothing happened in it: neither good nor bad."""

    window_seconds: int
    good: float
    valid: float
    burn_rate: float | None = None
    eaten: float | None = None
    """Share of the whole budget that was spent in the window."""


class AlertView(View):
    """One row of an alert. ``can_fire`` is False where even total failure would burn too slowly."""

    severity: str
    factor: float
    long_seconds: int
    short_seconds: int
    fires: bool = False
    can_fire: bool = True


class BudgetView(View):
    """What is left of an objective's budget. ``total`` and ``consumed`` in events, or minutes of time slices.

    ``remaining`` is a share and may be negative; None while there is no data.
    """

    slo_id: str
    service_name: str
    calculated_at: float
    sli_value: float | None = None
    target: float
    total: float = 0.0
    consumed: float = 0.0
    remaining: float | None = None
    status: Status = Status.NO_DATA
    pace: Pace = Pace.NORMAL
    exhausted_in_seconds: float | None = None
    """At the pace of the last hour; None when it is not being spent."""
    burn_rates: tuple[BurnView, ...] = ()
    alerts: tuple[AlertView, ...] = ()
    violations: int = 0
    """Alerts that fire now."""


class FreezeScope(StrEnum):
    SERVICE = "SERVICE"
    GROUP = "GROUP"
    GLOBAL = "GLOBAL"


class FreezeAction(StrEnum):
    """What a freeze forbids: the words of ``core.consent.Action``, which clients do not load, and one more."""

    PULL = "BLOCK_PULL"
    DEPLOY = "BLOCK_DEPLOY"
    SCALE = "BLOCK_SCALE"
    UPDATE = "BLOCK_UPDATE"
    ALERT_ONLY = "ALERT_ONLY"


class FreezePolicy(StrictModel):
    """When a budget forbids risky work, and what. ``target``: the service or group; empty for all."""

    name: Annotated[Text, Field(min_length=1, max_length=128)]
    scope: FreezeScope = Field(default=FreezeScope.SERVICE, strict=False)
    target: Label = ""
    actions: Annotated[tuple[Annotated[FreezeAction, Field(strict=False)], ...], Field(min_length=1, strict=False)]
    trigger_below: Annotated[float, Field(ge=-1000, lt=1)] = 0.0
    """Share of the budget; the freeze begins when less is left."""
    release_above: Annotated[float, Field(ge=-1000, le=1)] = 0.1
    """It ends when at least as much is left."""
    trigger_pace: Pace | None = Field(default=None, strict=False)
    """It also begins when an objective burns at least as fast, and does not end before it burns slower."""
    min_duration_s: Annotated[int, Field(ge=0, le=30 * DAY)] = 900
    exemptions: Annotated[tuple[Annotated[Text, Field(max_length=256)], ...], Field(max_length=64, strict=False)] = ()
    """``key:pattern`` as in ``model:llama*`` or ``node:gpu-1``; what fits is let through."""
    enabled: bool = True

    @model_validator(mode="after")
    def _can_end(self) -> "FreezePolicy":
        if self.release_above < self.trigger_below:
            raise ValueError("release_above must not be below trigger_below: the freeze would flap")
        if (self.scope is FreezeScope.GLOBAL) == bool(self.target):
            raise ValueError("target names the service or group of a freeze; a GLOBAL one has none")
        if self.trigger_pace is Pace.NORMAL:
            raise ValueError("trigger_pace NORMAL would never end")
        return self


class NewPolicy(FreezePolicy):
    """``policy_id`` is made from the name when it is left out."""

    policy_id: SloId | None = None


class PolicyView(View):
    policy_id: str
    policy: FreezePolicy
    origin: str = ""
    created_at: float
    updated_at: float


class OverrideView(View):
    """Somebody lets frozen work through for a while. One of a GLOBAL freeze counts once a second person agreed."""

    override_id: str
    event_id: str
    reason: str
    requested_by: str
    requested_at: float
    expires_at: float
    approved_by: str = ""
    approved_at: float | None = None
    in_force: bool = False


class FreezeView(View):
    """A freeze: why it began, what it forbids, and how it ended."""

    event_id: str
    policy_id: str
    policy_name: str = ""
    slo_id: str
    scope: FreezeScope
    target: str = ""
    actions: tuple[FreezeAction, ...] = ()
    triggered_at: float
    not_before: float
    """The earliest moment at which it may end by itself."""
    resolved_at: float | None = None
    active: bool = True
    reason: str = ""
    remaining: float | None = None
    """Share of the budget when it began."""
    resolution: str = ""
    """``auto``, ``manual``, ``policy`` or ``objective``."""
    resolved_by: str = ""
    overrides: tuple[OverrideView, ...] = ()


class Resolve(StrictModel):
    reason: Annotated[Text, Field(min_length=3, max_length=512)]


class NewOverride(Resolve):
    """Minutes that it lasts."""

    minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 60


class SloSettings(Slice):
    """Objectives."""

    evaluate_seconds: float = Field(default=30.0, gt=0, le=600, description="Pause between two evaluations.")
    count_seconds: float = Field(default=10.0, gt=0, le=60, description="Pause between two looks at what happened.")
    folder: Path | None = Field(default=None, description="YAML files of objectives; `slo` in the data directory.")
    prometheus_url: str | None = Field(
        default=None, pattern=r"^https?://.+", description="Where objectives of kind CUSTOM are asked."
    )
    alertmanager_url: str | None = Field(
        default=None, pattern=r"^https?://.+", description="Where alerts go to, and silences are kept."
    )
    probe_seconds: float = Field(
        default=0.0, ge=0, le=3600, description="Asks each loaded model for one token so often; 0 asks nothing."
    )
