"""The gateway's gate: who calls, whether they may, how much is left to them, and what they used.

What a call pays for it is a hash and a few dictionaries. The database is read and written beside the calls, never by
one.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from contextvars import ContextVar, Token
from typing import Final

from cluster_ai.core.addresses import is_loopback
from cluster_ai.gateway.served import Outcome, Served
from cluster_ai.keys.credentials import identify
from cluster_ai.keys.ledger import Use
from cluster_ai.keys.meter import Meter, Reservation
from cluster_ai.keys.opening import KeysConfig, Ring, open_ring
from cluster_ai.keys.rights import demand_inference
from cluster_ai.keys.types import Caller, KeyRefused

_SHOWN: Final = (b"authorization", b"x-api-key")
_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
_HERE: Final = frozenset({"127.0.0.1", "::1"})
_BAD: Final = 400


class Counted(AbstractContextManager[None]):
    """A call to whose caller's limits something was counted, for a ``with``: what it did not use is given back.

    Whatever is observed inside the block is of this call. Its request id does not tell: clients choose that, and may
    give one to many calls.
    """

    __slots__ = ("_before", "_meter", "_reservation")
    _before: Token["Counted | None"]

    def __init__(self, meter: Meter, reservation: Reservation) -> None:
        self._meter = meter
        self._reservation: Reservation | None = reservation

    def take(self) -> Reservation | None:
        """What was counted, for who puts it right; nothing, when somebody has."""
        found, self._reservation = self._reservation, None
        return found

    def __enter__(self) -> None:
        self._before = _CALL.set(self)

    def __exit__(self, *_: object) -> None:
        _CALL.reset(self._before)
        if (reservation := self.take()) is not None:
            self._meter.settle(reservation, used=0)


_CALL: Final[ContextVar[Counted | None]] = ContextVar("call", default=None)
"""The one in whose block a task is."""


class Gate:
    """Made by ``open_gate``."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def identify(self, authorization: str, api_key_header: str, *, loopback: bool) -> Caller:
        """Who calls, by the values of ``Authorization`` and ``x-api-key`` (empty: not there).

        ``loopback``: the call comes from this machine, and for nobody else.

        Raises:
            KeyRefused: a key of ours came that is unknown, revoked, expired or not whole, or two different ones.
            KeyRequired: none came, and this caller needs one.
            KeysUnavailable: the database has not been read since this gateway started.
        """
        ring = self._ring
        return identify(
            authorization, api_key_header, known=ring.known, rules=ring.rules, here=loopback, now=ring.now()
        )

    def admit(self, headers: Iterable[tuple[bytes, bytes]], *, peer: str | None) -> Caller:
        """``identify`` for a request as it stands on the wire.

        Args:
            headers: names in lower case.
            peer: address of the connection's other end; None when that is unknown.

        Raises:
            KeyRefused, KeyRequired, KeysUnavailable: as ``identify``.
        """
        rows = list(headers)
        found = dict(rows)
        if len(found) != len(rows):
            found |= _shown_once(rows)
        # A proxy on this machine speaks for the whole network. The two usual addresses come first: taking an address
        # apart costs more than all the rest.
        direct = _FORWARDED.isdisjoint(found) and (peer in _HERE or (peer is not None and is_loopback(peer)))
        authorization, api_key = (found.get(name, b"").decode("latin-1") for name in _SHOWN)
        return self.identify(authorization, api_key, loopback=direct)

    async def first_look(self) -> bool:
        """Returns when the keys have been asked for once; whether that had to be waited for."""
        return self._ring.source is not None and await self._ring.source.first_look()

    async def look_after_now(self) -> bool:
        """Returns when the keys have been asked for once more; whether they have."""
        return self._ring.source is not None and await self._ring.source.look_after_now()

    async def reserve(self, caller: Caller, *, model: str, tokens: int) -> Counted | None:
        """Lets a call to ``model`` begin that is expected to use ``tokens``. None when nothing is counted for it.

        ``observe`` in the block of what this answers puts the tokens right.

        Raises:
            ScopeMissing, ModelNotAllowed: the caller may not.
            LimitReached: their key has used up a limit.
        """
        demand_inference(caller, model)
        source = self._ring.source
        if source is None or (entry := source.entry(caller.key_id)) is None:
            return None
        reservation = await self._ring.meter.reserve(caller.key_id, entry.limits, tokens=tokens)
        return None if reservation is None else Counted(self._ring.meter, reservation)

    def observe(self, served: Served) -> None:
        """Takes note of a call that is over. Fast, and never fails."""
        call = _CALL.get()
        if call is not None and (reservation := call.take()) is not None:
            self._ring.meter.settle(reservation, used=_tokens(served, reservation))
        elif self._ring.source is not None and (entry := self._ring.source.entry(served.key_id)) is not None:
            # One of several that were made of one call; or its key had no limit when it began.
            self._ring.meter.charge(served.key_id, entry.limits, used=served.prompt_tokens + served.output_tokens)
        if self._ring.ledger is not None:
            self._ring.ledger.add(_use(served))


@asynccontextmanager
async def open_gate(config: KeysConfig) -> AsyncIterator[Gate]:
    """A gate that reads the keys in force inside the block, and follows them.

    Raises:
        Misconfigured: an address cannot be one.
    """
    async with open_ring(config) as ring:
        yield Gate(ring)


def _shown_once(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The credentials of headers of which some come twice.

    Raises:
        KeyRefused: two different ones. Which of them counts must not depend on their order.
    """
    shown: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _SHOWN and value and shown.setdefault(name, value) != value:
            raise KeyRefused(f"two different {name.decode()} headers came with one request", hint="send one")
    return shown


def _use(served: Served) -> Use:
    return Use(
        key_id=served.key_id,
        # A model that no node answered with is whatever somebody typed: such names would fill the table.
        model=served.model if served.node else "",
        node=served.node,
        at=served.at,
        failed=served.outcome is Outcome.REFUSED or served.outcome is Outcome.BROKEN or served.status >= _BAD,
        prompt_tokens=served.prompt_tokens,
        output_tokens=served.output_tokens,
    )


def _tokens(served: Served, reservation: Reservation) -> int:
    """What a call used. Nodes say it at the end of an answer: who leaves before that does not leave for nothing."""
    said = served.prompt_tokens + served.output_tokens
    if said or served.ttft_seconds is None or served.outcome is Outcome.DONE:
        return said
    return max((claim.amount for claim in reservation.claims if claim.of_tokens), default=0)
