"""Alerts that come in from an Alertmanager, alerts that go out to one, and its silences.

Formats: prometheus/alertmanager, ``template/template.go`` (webhook, version 4) and ``api/v2/openapi.yaml``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import structlog
from pydantic import Field

from cluster_ai.core.errors import ClusterError, Conflict
from cluster_ai.core.outbox import unit
from cluster_ai.core.wire import StrictModel, Text, View
from cluster_ai.slo import tables
from cluster_ai.slo.given import Given
from cluster_ai.slo.types import BudgetView
from cluster_ai.slo.web import NeighbourDown, Web

log = structlog.get_logger(__name__)

VERSION: Final = "4"
MOST: Final = 10_000
Words = dict[Annotated[str, Field(max_length=256)], Annotated[str, Field(max_length=8192)]]


class NoAlertmanager(Conflict):
    """No Alertmanager is named in the settings."""

    code = "no_alertmanager"


class Alert(View):
    """One alert of a webhook. What this version does not know of it is passed over."""

    status: Annotated[str, Field(pattern=r"^(firing|resolved)$")]
    labels: Words = Field(default_factory=dict)
    annotations: Words = Field(default_factory=dict)
    startsAt: Annotated[str, Field(max_length=64)]  # noqa: N815 - its name on the wire
    endsAt: Annotated[str, Field(max_length=64)] = ""  # noqa: N815
    generatorURL: Annotated[str, Field(max_length=8192)] = ""  # noqa: N815
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]


class Notification(View):
    """What an Alertmanager posts."""

    version: Annotated[str, Field(max_length=16)]
    groupKey: Annotated[str, Field(max_length=8192)] = ""  # noqa: N815
    truncatedAlerts: Annotated[int, Field(ge=0)] = 0  # noqa: N815
    status: Annotated[str, Field(max_length=16)] = ""
    receiver: Annotated[str, Field(max_length=256)] = ""
    alerts: Annotated[tuple[Alert, ...], Field(max_length=MOST)] = ()


class Matcher(StrictModel):
    name: Annotated[Text, Field(min_length=1, max_length=256)]
    value: Annotated[Text, Field(max_length=1024)]
    isRegex: bool = False  # noqa: N815
    isEqual: bool = True  # noqa: N815


class NewSilence(StrictModel):
    """Which alerts are to be quiet, for how long, and why."""

    matchers: Annotated[tuple[Matcher, ...], Field(min_length=1, max_length=32, strict=False)]
    minutes: Annotated[int, Field(ge=1, le=90 * 24 * 60)] = 60
    comment: Annotated[Text, Field(min_length=3, max_length=512)]


class SilenceView(View):
    """A silence as the Alertmanager has it."""

    id: str
    state: str = ""
    createdBy: str = ""  # noqa: N815
    comment: str = ""
    startsAt: str = ""  # noqa: N815
    endsAt: str = ""  # noqa: N815
    matchers: tuple[dict[str, Any], ...] = ()


class Alerts:
    """``web`` is None while no Alertmanager is named. ``received`` counts notifications by outcome."""

    def __init__(self, given: Given, web: Web | None) -> None:
        self._given = given
        self.web = web
        self._sent: dict[tuple[str, str], tuple[str, str]] = {}
        """Alerts that were sent and have not been taken back: since when, and of which service."""
        self.received: dict[str, int] = {"new": 0, "again": 0, "truncated": 0}

    # -- in

    async def receive(self, notification: Notification) -> int:
        """Stores what came; how many alerts were new. What they mean is looked at by the next evaluation."""
        alerts = notification.alerts
        if notification.truncatedAlerts:
            self.received["truncated"] += 1
            alerts = (*alerts, *await self._the_rest(notification))
        now, fresh = self._given.now(), 0
        async with unit(self._given.database, self._given.tell) as work:
            for alert in alerts:
                if await tables.add_receipt(work.connection, _row(alert, now)):
                    fresh += 1
                    slo_id, data = alert.labels.get("slo", ""), {"labels": alert.labels, "status": alert.status}
                    work.say(self._given.event("slo.alert.received", slo_id or alert.fingerprint, **data))
        self.received["new"] += fresh
        self.received["again"] += len(alerts) - fresh
        return fresh

    async def _the_rest(self, notification: Notification) -> tuple[Alert, ...]:
        """Those that the notification had no room for, as far as they fire."""
        if self.web is None:
            log.warning("alerts were cut off, and no Alertmanager is named", count=notification.truncatedAlerts)
            return ()
        try:
            found = await self.web.get("/api/v2/alerts", {"receiver": notification.receiver, "active": "true"})
            return tuple(Alert.model_validate({**one, "status": "firing"}) for one in found)
        except (ClusterError, TypeError, ValueError) as exc:
            log.warning("alerts that were cut off could not be fetched", reason=repr(exc)[:200])
            return ()

    # -- out

    async def send(self, budgets: Mapping[str, BudgetView], *, every: float) -> None:
        """Tells the Alertmanager what fires, and what does not fire any more. ``every``: seconds between two calls."""
        if self.web is None:
            return
        now = self._given.now()
        firing = {
            (view.slo_id, alert.severity): view.service_name
            for view in budgets.values()
            for alert in view.alerts
            if alert.fires
        }
        for key, service in firing.items():
            self._sent.setdefault(key, (_moment(now), service))
        # As Prometheus does: an alert that is not sent again ends by itself.
        ends = {key: now + 4 * every if key in firing else now for key in self._sent}
        body = [_alert(*key, *self._sent[key], _moment(end)) for key, end in ends.items()]
        if body:
            try:
                await self.web.post("/api/v2/alerts", body)
            except ClusterError as exc:
                log.warning("alerts not sent", code=exc.code, reason=exc.message)
                return
        self._sent = {key: value for key, value in self._sent.items() if key in firing}

    # -- silences

    async def silences(self) -> tuple[SilenceView, ...]:
        """Those that are not over.

        Raises:
            NoAlertmanager, NeighbourDown: as they say.
        """
        found = [_silence(one) for one in await self._web.get("/api/v2/silences")]
        return tuple(one for one in found if one.state != "expired")

    async def silence(self, wanted: NewSilence, *, by: str) -> SilenceView:
        """Makes alerts quiet. Raises as ``silences``, and:

        Raises:
            QueryRefused: the Alertmanager does not take these matchers.
        """
        now = self._given.now()
        body = {
            "matchers": [one.model_dump() for one in wanted.matchers],
            "startsAt": _moment(now),
            "endsAt": _moment(now + wanted.minutes * 60),
            "createdBy": by,
            "comment": wanted.comment,
        }
        made = await self._web.post("/api/v2/silences", body)
        silence_id = str(made["silenceID"]) if isinstance(made, dict) and "silenceID" in made else ""
        return SilenceView.model_validate({"id": silence_id, "state": "active", **body})

    async def expire(self, silence_id: str) -> None:
        """Ends a silence. Raises as ``silence``."""
        await self._web.delete(f"/api/v2/silence/{silence_id}")

    @property
    def _web(self) -> Web:
        if self.web is None:
            raise NoAlertmanager("no Alertmanager is named", hint="slo.alertmanager_url in config.toml")
        return self.web


def _silence(one: Any) -> SilenceView:
    try:
        return SilenceView.model_validate({**one, "state": one["status"]["state"]})
    except (KeyError, TypeError, ValueError) as exc:
        raise NeighbourDown("the Alertmanager answers as none does") from exc


def _row(alert: Alert, now: float) -> dict[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "starts_at": _seconds(alert.startsAt),
        "status": alert.status,
        "slo_id": alert.labels.get("slo", "")[:63],
        "severity": alert.labels.get("severity", "")[:32],
        "received_at": now,
        "last_at": now,
        "payload": alert.model_dump(mode="json"),
    }


def _seconds(text: str) -> float:
    """Unix seconds of a moment as RFC 3339 writes it; 0 for one that cannot be read."""
    # Alertmanager writes up to nine digits of a second; six are known here.
    whole, _, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        return datetime.fromisoformat(f"{whole}.{digits[:6]}{rest[len(digits) :]}" if rest else text).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _alert(slo_id: str, severity: str, since: str, service: str, until: str) -> dict[str, Any]:
    title = "SLOBurnPage" if severity == "page" else "SLOBurnTicket"
    return {
        "labels": {"alertname": title, "slo": slo_id, "service": service, "severity": severity, "job": "cluster-ai"},
        "annotations": {"summary": f"{slo_id} spends its error budget too fast"},
        "startsAt": since,
        "endsAt": until,
    }
