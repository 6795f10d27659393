"""A call at one node: the request as that node gets it, and what it answers."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from cluster_ai.core.deadline import Deadline
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.records import Malformed, Record, Records, is_one_piece
from cluster_ai.gateway.nodes.capacity import Waiting
from cluster_ai.gateway.nodes.reasons import TryNext, reason_of, refusal
from cluster_ai.gateway.placing.place import Place
from cluster_ai.gateway.relaying.outgoing import outgoing
from cluster_ai.gateway.wire.client import Response, TooLong, Wire

CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
LARGEST_WHOLE: Final = 64 * 1024 * 1024
"""Bytes of an answer that is not streamed (embeddings), held until it is all there."""
LAST_BYTES_SECONDS: Final = 0.2
"""After its last record a node has so long to end the transfer in peace."""


class Broken(Exception):
    """A node's answer stopped before its end."""


@dataclass(slots=True)
class Trial:
    """An answer, once ``begin`` has returned: its first bytes are there. ``close`` it."""

    call: Call
    place: Place
    load_seconds: float = 0.0
    first: list[Record] = field(default_factory=list)
    streams: bool = False
    """There are records to be read."""
    whole: bytes = b""
    """The body of an answer that is not streamed, or of a refusal that is the client's to see."""
    waiting: Waiting | None = None
    """As its node's capacity knows it, from the moment it was sent."""
    has_begun: bool = False
    inside: float | None = None
    """Seconds that it waited inside the node, as the node says at its end; None where it does not say."""
    is_over: bool = False
    """It is settled."""
    failure: str = ""
    """Why it broke off; whoever reads it says so."""
    wait: Deadline = field(default_factory=Deadline)
    """For bytes of its node."""
    _records: Records = field(init=False)
    _response: Response | None = None

    def __post_init__(self) -> None:
        self._records = Records(self.call.path.dialect)

    @property
    def response(self) -> Response:
        assert self._response is not None, "begun"
        return self._response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    async def begin(self, wire: Wire) -> None:
        """Asks, and waits for the first record, or for all of an answer in one piece.

        Raises:
            TryNext: there is none.
        """
        call, place = self.call, self.place
        try:
            url = place.upstream.url + call.path.path
            self._response = await wire.post(url, outgoing(call, place), call.sender.headers)
            await self._first_bytes(self._response)
        except TooLong as exc:
            raise TryNext(str(exc), blame=False) from exc
        except OSError as exc:
            raise TryNext(reason_of(exc), blame=True) from exc
        except Malformed as exc:
            raise TryNext(exc.reason, blame=True) from exc

    def close(self) -> None:
        """The connection is cut, not drained, when the answer has not come to its end."""
        self.is_over = True
        self.place.upstream.waits.discard(self.wait.move)
        self.wait.close()
        if self._response is not None:
            self._response.close()

    async def _first_bytes(self, response: Response) -> None:
        if response.status >= CLIENT_ERROR:
            said = await response.read(LARGEST_WHOLE)
            if response.status in {_NOT_FOUND, _TOO_MANY} or response.status >= _SERVER_ERROR:
                raise refusal(response.status, said, response.headers.get("retry-after", ""))
            self.whole = said
        elif self.call.path.streams is None or is_one_piece(self.call.path.dialect, response.headers):
            self.whole = await response.read(LARGEST_WHOLE)
            if not _is_json(self.whole):
                raise TryNext("answered what is no JSON", blame=True)
        else:
            await self._first_records(response)

    async def _first_records(self, response: Response) -> None:
        while not self.first:
            chunk = await response.read_some()
            self.first = self._records.feed(chunk) if chunk else self._records.end()
            if not chunk and not self.first:
                raise TryNext("answered nothing", blame=True)
        if error := self.first[0].error:
            raise TryNext(error, blame=True, status=_SERVER_ERROR, body=self.first[0].raw)
        self.streams = True

    async def records(self, *, silence: float) -> AsyncIterator[list[Record]]:
        """What the node says from here on, to its last record. ``silence``: the longest pause, in seconds.

        Raises:
            Broken: it ended before. ``failure`` says why, too.
        """
        batch, is_last = self.first, False
        try:
            # One block for all of them, which ends nothing but what is awaited in ``_next_batch``.
            with self.wait:
                while not is_last:
                    good, error = _until_error(batch)
                    is_last = bool(batch) and batch[-1].is_last
                    self.inside = batch[-1].seconds_inside if is_last else None
                    yield good
                    self._demand_no_error(error)
                    if not is_last:
                        batch = await self._next_batch(silence)
        except Broken as exc:
            self.failure = str(exc)
            raise
        except TimeoutError as exc:
            upstream = self.place.upstream
            self.failure = f"{upstream.name} {upstream.why_silent(f'said nothing for {silence:.0f} s')}"
            raise Broken(self.failure) from exc
        await self._end_in_peace()

    def _demand_no_error(self, error: str) -> None:
        if error:
            raise Broken(f"{self.place.upstream.name}: {error}")

    async def _next_batch(self, silence: float) -> list[Record]:
        response, wait, name = self.response, self.wait, self.place.upstream.name
        try:
            wait.of(silence)
            chunk = await response.read_some()
            wait.rest()
            self.place.upstream.heard()
            found = self._records.feed(chunk) if chunk else self._records.end()
        except OSError as exc:
            raise Broken(f"{name} broke off: {reason_of(exc)}") from exc
        except Malformed as exc:
            if exc.before:
                return [*exc.before, Record(b"", {"error": exc.reason})]
            raise Broken(f"{name}: {exc.reason}") from exc
        if not chunk and not (found and found[-1].is_last):
            raise Broken(f"{name} stopped before the end of its answer")
        return found

    async def _end_in_peace(self) -> None:
        """The answer is whole; only the end of its transfer is still to come, or lost."""
        if self.response.at_end:
            return
        with contextlib.suppress(OSError), self.wait.of(LAST_BYTES_SECONDS):
            await self.response.read_some()


def _until_error(batch: list[Record]) -> tuple[list[Record], str]:
    """The records before the first that tells of an error, and that error."""
    for at, record in enumerate(batch):
        if record.data is not None and "error" in record.data and (error := record.error):
            return batch[:at], error
    return batch, ""


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
