"""One delivery to one endpoint: put into the endpoint's words and sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.message import EmailMessage

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import Lang
from cluster_ai.core.wire import parse_object
from cluster_ai.notify import forms
from cluster_ai.notify.forms import Carried, Request, Told
from cluster_ai.notify.records import Endpoint
from cluster_ai.notify.sealing import Seal
from cluster_ai.notify.types import Answer, EndpointKind

Send = Callable[[str, Request], Awaitable[Answer]]
"""Posts a request to a URL and answers how it went; never raises for what the other side does."""
Push = Callable[[str, str, Told], Awaitable[Answer]]
"""The same for a message by a service of Apprise: the endpoint's URL, and the address that is its secret."""
Mail = Callable[[EmailMessage], Awaitable[Answer]]
"""The same for a letter."""


@dataclass(frozen=True, slots=True)
class Courier:
    """``lang`` and ``cluster``: the language of sentences for people, and what this cluster is called in them."""

    seal: Seal
    send: Send
    mail: Mail
    push: Push
    now: Callable[[], float]
    sender: str
    lang: Lang = "en"
    cluster: str = "home"

    async def carry(self, endpoint: Endpoint, event: Carried, *, url: str = "") -> Answer:
        """How one attempt ended. Whatever keeps us from sending is a failed attempt: it may be mended meanwhile.

        ``url``: instead of the endpoint's own.
        """
        try:
            secret = self.seal.open(endpoint.sealed, owner=endpoint.id) if endpoint.sealed else ""
            return await self._carry(replace(endpoint, url=url or endpoint.url), event, secret)
        except ClusterError as exc:
            return Answer(error=exc.message)

    async def _carry(self, endpoint: Endpoint, event: Carried, secret: str) -> Answer:
        if endpoint.kind is EndpointKind.WEBHOOK:
            return await self.send(endpoint.url, forms.webhook(event, secret, now=self.now()))
        data = parse_object(event.body.encode()).get("data")
        message = forms.told(event, data if isinstance(data, dict) else {}, lang=self.lang, cluster=self.cluster)
        match endpoint.kind:
            case EndpointKind.SLACK:
                return await self.send(endpoint.url, forms.slack(message))
            case EndpointKind.NTFY:
                return await self.send(endpoint.url, forms.ntfy(message, secret))
            case EndpointKind.APPRISE:
                return await self.push(endpoint.url, secret, message)
            case EndpointKind.EMAIL:
                to = forms.address_of(endpoint.url)
                letter = forms.letter(message, to=to, sender=self.sender, event_id=event.id, now=self.now())
                return await self.mail(letter)
