"""An event in the words of each kind of endpoint. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any, Final
from urllib.parse import unquote

from cluster_ai.core.events import Event
from cluster_ai.core.i18n import Lang, texts
from cluster_ai.core.wire import JSON_TYPE, dump_json
from cluster_ai.notify.records import Delivery
from cluster_ai.notify.signing import Claims, key_of, signed
from cluster_ai.notify.types import TargetRefused

AGENT: Final = "cluster-ai-webhooks/1"
DOMAIN: Final = "notify"
MAILTO: Final = "mailto:"
OWN_ADDRESS: Final = "webhook_url"
"""Field of an event: where a ticket's own receiver is. It can hold a secret, and is nobody else's business."""
LONGEST_DETAIL: Final = 500
LARGEST_BODY: Final = 256 * 1024
"""Bytes; what an event says beyond that is left out, and said to be."""
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_URGENT: Final = frozenset({"dead_lettered", "dead", "failed", "opened", "activated", "violated", "disabled"})


@dataclass(frozen=True, slots=True)
class Request:
    """One POST."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An event as people read it."""

    title: str
    text: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Carried:
    """What a delivery carries: its event, and its body as it was stored."""

    id: str
    type: str
    subject: str
    body: str


def body_of(event: Event) -> str:
    """An event as a webhook carries it: ``id``, ``type``, ``subject``, ``at`` (Unix seconds) and ``data``."""
    said = {"id": event.id, "type": event.type, "subject": event.subject, "at": event.at}
    body = dump_json(said | {"data": {name: value for name, value in event.data.items() if name != OWN_ADDRESS}})
    if len(body) > LARGEST_BODY:
        body = dump_json(said | {"data": {}, "truncated": True})
    return body.decode()


def delivery_of(event: Event, endpoint_id: str, *, delivery_id: str, now: float) -> Delivery:
    """A delivery of ``event`` that is due at once."""
    return Delivery(
        id=delivery_id,
        endpoint_id=endpoint_id,
        event_id=event.id,
        event_type=event.type,
        subject=event.subject,
        body=body_of(event),
        next_at=now,
        created_at=now,
        changed_at=now,
    )


def told(event: Carried, data: Mapping[str, Any], *, lang: Lang, cluster: str) -> Told:
    """``event`` in a sentence. ``data``: what the event says beside its subject; only plain values are shown."""
    catalogue = texts(lang, DOMAIN)
    sentence = catalogue.get(event.type, catalogue["event"]).format(subject=event.subject, type=event.type)
    shown = [f"{name}: {value}" for name, value in data.items() if isinstance(value, str | int | float) and value != ""]
    detail = "\n".join(shown)[:LONGEST_DETAIL]
    # It goes into headers: what ends a line must not begin another.
    title = " ".join("".join(sign if sign.isprintable() else " " for sign in f"{cluster}: {sentence}").split())
    return Told(title, detail or sentence, event.type.rpartition(".")[2] in _URGENT)


def webhook(event: Carried, secret: str, *, now: float) -> Request:
    """The event as JSON, signed at ``now`` (Unix seconds). The id is the event's, the same at every attempt."""
    body = event.body.encode()
    headers = {"Content-Type": JSON_TYPE, "User-Agent": AGENT, "X-Webhook-Event": event.type}
    return Request(headers | signed(key_of(secret), Claims(event.id, int(now)), body), body)


def slack(message: Told) -> Request:
    """A message of Slack's incoming webhooks."""
    text = f"*{_escaped(message.title)}*\n{_escaped(message.text)}"
    return Request({"Content-Type": JSON_TYPE, "User-Agent": AGENT}, dump_json({"text": text}))


def ntfy(message: Told, token: str) -> Request:
    """A message to an ntfy topic, in its plain form: the text is the body."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "User-Agent": AGENT,
        # Headers carry Latin letters at most; ntfy reads encoded words of RFC 2047.
        "Title": _encoded(message.title),
        "Priority": "high" if message.urgent else "default",
    }
    return Request(headers | ({"Authorization": f"Bearer {token}"} if token else {}), message.text.encode())


def letter(message: Told, *, to: str, sender: str, event_id: str, now: float) -> EmailMessage:
    """The same as mail. ``event_id`` makes its id: a letter that is sent twice is shown once."""
    mail = EmailMessage()
    mail["From"] = formataddr(("Cluster AI", sender))
    mail["To"] = to
    mail["Subject"] = message.title
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{event_id}@cluster-ai>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


def address_of(url: str) -> str:
    """The address that a ``mailto:`` URL names.

    Raises:
        TargetRefused: it names none, or several, or holds what a header would read as more than an address.
    """
    address = unquote(url.removeprefix(MAILTO))
    if not url.startswith(MAILTO) or not _ADDRESS.fullmatch(address):
        raise TargetRefused("mail goes to mailto:somebody@example.org", path="url", values={"about": "mail"})
    return address


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()
