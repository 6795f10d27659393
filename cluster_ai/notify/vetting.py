"""New endpoints, judged by their kind: where they are, and what their secret is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cluster_ai.core.errors import InvalidInput, Unavailable
from cluster_ai.notify import forms, signing
from cluster_ai.notify.guard import Guard
from cluster_ai.notify.push import Pusher
from cluster_ai.notify.types import EndpointKind, NewEndpoint, TargetRefused


@dataclass(frozen=True, slots=True)
class Judged:
    """``url`` as it is kept and shown; ``secret`` is empty where the kind has none."""

    url: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Vetting:
    """``random``: bytes nobody can guess."""

    guard: Guard
    pusher: Pusher
    random: Callable[[int], bytes]

    @classmethod
    def by(cls, guard: Guard, random: Callable[[int], bytes]) -> Self:
        """With a messenger of its own."""
        return cls(guard, Pusher(guard), random)

    async def judged(self, wanted: NewEndpoint) -> Judged:
        """What is kept of ``wanted``.

        Raises:
            TargetRefused: its address is malformed, or one that may not be called.
            InvalidInput: its secret is no secret of this kind.
        """
        match EndpointKind(wanted.kind):
            case EndpointKind.APPRISE:
                return await self._apprise(wanted)
            case EndpointKind.EMAIL:
                forms.address_of(wanted.url)
                return Judged(wanted.url, _none(wanted))
            case EndpointKind.NTFY:
                await self._reachable(wanted.url)
                return Judged(wanted.url, wanted.secret or "")
            case EndpointKind.SLACK:
                await self._reachable(wanted.url)
                return Judged(wanted.url, _none(wanted))
            case EndpointKind.WEBHOOK:
                await self._reachable(wanted.url)
                return Judged(wanted.url, self._signing(wanted.secret))

    async def _apprise(self, wanted: NewEndpoint) -> Judged:
        if not wanted.secret:
            raise TargetRefused("Apprise needs its address", path="secret", hint="--secret-file with SERVICE://...")
        service = await self.pusher.check(wanted.url, wanted.secret)
        return Judged(service.shown, wanted.secret)

    async def _reachable(self, url: str) -> None:
        try:
            await self.guard.look(self.guard.read(url))
        except Unavailable:
            # A name that nobody knows today may be known tomorrow; it is looked at again before every call.
            return

    def _signing(self, given: str | None) -> str:
        secret = given or signing.secret_of(self.random(signing.SECRET_BYTES))
        try:
            signing.key_of(secret)
        except ValueError as exc:
            raise InvalidInput(str(exc), path="secret") from exc
        return secret


def _none(wanted: NewEndpoint) -> str:
    if wanted.secret:
        raise InvalidInput("this kind has no secret", path="secret")
    return ""
