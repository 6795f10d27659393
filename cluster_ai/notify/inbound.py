"""Webhooks of others: what a pipeline elsewhere says of a ticket that waits for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from cluster_ai.core.db import Database
from cluster_ai.core.errors import InvalidInput, Misconfigured
from cluster_ai.core.paths import make_secret
from cluster_ai.core.wire import parse_object
from cluster_ai.notify import signing, tables
from cluster_ai.notify.given import PipelineCompleted
from cluster_ai.notify.types import Outcome, Received, SignatureRefused

NAME: Final = "pipeline-webhook.secret"
KEEP_SECONDS: Final = 86_400.0
"""Receipts live longer than any message's time is good."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """``failed``: told of every message whose signature or time is not right."""

    database: Database
    key: bytes
    now: Callable[[], float]
    failed: Callable[[], None]
    completed: PipelineCompleted

    async def pipeline_completed(self, headers: Mapping[str, str], body: bytes) -> Received:
        """Does what a message says, once. ``headers``: names in lower case; ``body``: as it came.

        When this answers, what was said is durable: it and the note that it came are one unit of work. Who is killed
        before that has not answered, and is told again.

        Raises:
            SignatureRefused: its sender does not have the secret, or it is not from now.
            InvalidInput: it is signed, and says something else.
            NotFound, Conflict: as ``PipelineCompleted``.
        """
        try:
            claims = signing.verify(self.key, headers, body)
            if claims is None:
                claims = _own_claims(parse_object(body))
            signing.check_time(claims.timestamp, now=self.now())
        except SignatureRefused:
            self.failed()
            raise
        outcome = _outcome(parse_object(body))
        async with self.database.transaction() as connection:
            if not await tables.take_receipt(connection, claims.id, now=self.now()):
                return Received(duplicate=True)
            await self.completed(connection, outcome)
        return Received()

    async def forget(self) -> None:
        """Drops receipts that nobody needs any more."""
        async with self.database.transaction() as connection:
            await tables.forget_receipts(connection, before=self.now() - KEEP_SECONDS)


def load_secret(path: Path, random: Callable[[int], bytes]) -> str:
    """The secret in ``path``; made there when there is none.

    Raises:
        Misconfigured: the file holds something else.
    """
    text = make_secret(path, signing.secret_of(random(signing.SECRET_BYTES)))
    try:
        signing.key_of(text)
    except ValueError as exc:
        raise Misconfigured(f"{path} holds no secret: {exc}", hint="remove it; a new one is made") from exc
    return text


def _own_claims(said: Mapping[str, Any]) -> signing.Claims:
    """Id and time as they stand in the body, which alone was signed: a header could be anybody's."""
    name, timestamp = said.get("id"), said.get("timestamp")
    if not isinstance(name, str) or not 0 < len(name) <= signing.LONGEST_ID or type(timestamp) is not int:
        raise SignatureRefused("a body that is signed alone must hold id and timestamp")
    return signing.Claims(name, timestamp)


def _outcome(said: dict[str, Any]) -> Outcome:
    fields = {name: value for name, value in said.items() if name not in {"id", "timestamp"}}
    try:
        return Outcome.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{where or 'the body'}: {first['msg']}", path=where) from exc
