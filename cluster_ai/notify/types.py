"""Words of the notify room. Pure. Times are Unix seconds."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from cluster_ai.core.errors import Conflict, InvalidInput, Unauthenticated
from cluster_ai.core.wire import Count, Slice, StrictModel, Text, View

MOST_ENDPOINTS: Final = 64
"""Each may hold a few connections at a time, and none may wait for another."""


class TargetRefused(InvalidInput):
    """The address may not be called: it is malformed, or lies where only this machine or this network should reach."""

    code = "target_refused"


class SignatureRefused(Unauthenticated):
    """A webhook came without a signature that is good, or with a time that is not now."""

    code = "signature_refused"


class TooManyEndpoints(Conflict):
    """As many webhooks are kept as may be."""

    code = "too_many_webhooks"


class Disabled(Conflict):
    """The webhook is disabled: nothing is sent to it."""

    code = "webhook_disabled"


class NoMailServer(Conflict):
    """Mail is to be sent, and no server for it is set."""

    code = "no_mail_server"


class EndpointKind(StrEnum):
    """What an endpoint understands."""

    WEBHOOK = "webhook"
    """The event as JSON, signed."""
    SLACK = "slack"
    """A sentence, as Slack, Mattermost and Discord (with ``/slack``) take it."""
    NTFY = "ntfy"
    """A sentence for an ntfy topic."""
    EMAIL = "email"
    """A letter."""
    APPRISE = "apprise"
    """A message by one of Apprise's services: Telegram, Discord, Pushover, Matrix, Gotify, Home Assistant and more."""


KindName = Literal["webhook", "slack", "ntfy", "email", "apprise"]
Pattern = Annotated[
    str, StringConstraints(max_length=128, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$")
]
"""Types of events: one (``ticket.failed``), all below a word (``ticket.*``), or all (``*``)."""
Url = Annotated[Text, StringConstraints(min_length=1, max_length=2048)]
EndpointName = Annotated[Text, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Secret = Annotated[Text, StringConstraints(min_length=1, max_length=512, pattern=r"^[\x21-\x7e]+$")]


class DeliveryState(StrEnum):
    """QUEUED -> SENT, or -> RETRYING -> SENT or DEAD. What is DEAD can be sent again by hand."""

    QUEUED = "queued"
    RETRYING = "retrying"
    SENT = "sent"
    DEAD = "dead"

    @property
    def ended(self) -> bool:
        return self in {DeliveryState.SENT, DeliveryState.DEAD}


class NewEndpoint(StrictModel):
    """An endpoint as it is asked for."""

    url: Url
    """``https://...`` or ``http://...``; for mail ``mailto:somebody@example.org``; for Apprise ``apprise:``."""
    kind: KindName = "webhook"
    name: EndpointName = ""
    events: list[Pattern] = Field(default=["*"], min_length=1, max_length=64)
    secret: Secret | None = None
    """For a webhook ``whsec_`` and base64 of 24 to 64 bytes, made up when not given; for ntfy an access token; for
    Apprise its address, which holds the service's tokens."""


class EndpointChanges(StrictModel):
    """What is to be different; a field that does not come stays as it is."""

    name: EndpointName = ""
    events: list[Pattern] = Field(default=["*"], min_length=1, max_length=64)
    enabled: bool = True


class Redelivery(StrictModel):
    """``delivery``: that one, whatever became of it; every dead one when not given."""

    delivery: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


class EndpointView(View):
    """An endpoint as people see it; its secret is shown once, when it is made."""

    id: str
    name: str = ""
    kind: KindName
    url: str
    events: tuple[str, ...]
    enabled: bool
    why_disabled: str = ""
    """``gone`` (it answered 410), ``failing`` (for days), ``by_hand``; empty while it is enabled."""
    failing_since: float | None = None
    created_at: float


class MadeEndpoint(View):
    """A new endpoint. ``secret`` is told this once; empty where the kind has none."""

    endpoint: EndpointView
    secret: str = ""


class DeliveryView(View):
    """One event for one endpoint, and what became of it."""

    id: str
    event_id: str
    event_type: str
    subject: str = ""
    state: DeliveryState
    attempts: Count = 0
    next_at: float | None = None
    """When it is tried next; None when it has ended."""
    status: int | None = None
    """HTTP status of the last answer; for mail that of the server; None when there was no answer."""
    ms: Count = 0
    """How long the last attempt took."""
    excerpt: str = ""
    """The first KiB of the last answer."""
    error: str = ""
    created_at: float
    changed_at: float


class Answer(View):
    """How one attempt ended. ``status`` is None when nobody answered; then ``error`` says why."""

    status: int | None = None
    ms: Count = 0
    excerpt: str = ""
    error: str = ""
    retry_after: float | None = None
    """Seconds that the other side asks to be left alone."""

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the statuses are their own names


class Redelivered(View):
    """How many deliveries were put into the queue again."""

    count: Count


class Outcome(StrictModel):
    """What a pipeline elsewhere says of a ticket that waits for it."""

    ticket_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
    succeeded: bool
    detail: Annotated[Text, StringConstraints(max_length=1024)] = ""
    url: Annotated[Text, StringConstraints(max_length=2048)] = ""
    """Where people can read more of it."""


class Received(View):
    """``duplicate``: it had been here before, and nothing was done."""

    duplicate: bool = False


class SmtpSettings(Slice):
    """A mail server for messages to people."""

    host: str | None = Field(default=None, max_length=253, description="Mail server; no mail when not set.")
    port: int = Field(default=587, ge=1, le=65_535, description="587 with starttls, 465 with tls, 25 in the clear.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is secured; none is for a server on this machine."
    )
    user: str | None = Field(default=None, max_length=256, description="Name to sign in with; nobody signs in if not.")
    password_file: str | None = Field(
        default=None, max_length=4096, description="File with the password; never the password itself."
    )
    sender: str = Field(
        default="cluster-ai@localhost", pattern=r"^[^@\s<>]+@[^@\s<>]+$", max_length=254, description="From."
    )


class NotifySettings(Slice):
    """Slice of the notify room."""

    allow: tuple[str, ...] = Field(
        default=(),
        description="Receivers in this network that webhooks may reach, each exactly `scheme://host:port`.",
    )
    days_failing: float = Field(
        default=3.0, gt=0, le=30, description="An endpoint that failed for so many days in a row is disabled."
    )
    keep_days: float = Field(default=7.0, gt=0, le=365, description="Deliveries that ended are forgotten after this.")
    smtp: SmtpSettings = Field(default_factory=SmtpSettings)
