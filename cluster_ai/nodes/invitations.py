"""Join lines: made, listed, revoked, and good for one machine. Every public method is one unit of work."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import Database
from cluster_ai.core.errors import NotFound
from cluster_ai.nodes import tables
from cluster_ai.nodes.errors import JoinRefused
from cluster_ai.nodes.lines import ID_BYTES, SECRET_BYTES, digest_of, id_of, is_token, new_token
from cluster_ai.nodes.records import Token
from cluster_ai.nodes.views import InvitationView

KEPT_SECONDS = 30 * 86_400.0
"""Lines that ended are listed for so long."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Where time, identifiers and randomness come from; tests bring their own. ``random(n)`` answers n bytes."""

    now: Callable[[], float]
    new_id: Callable[[], str]
    random: Callable[[int], bytes]


class Invitations:
    """Owns the join tokens."""

    def __init__(self, database: Database, *, chance: Chance) -> None:
        self._database = database
        self._chance = chance

    async def invite(self, *, by: str, seconds: float, labels: tuple[str, ...] = ()) -> tuple[InvitationView, str]:
        """A new invitation and its token, which is told this once."""
        now, token = self._chance.now(), new_token(self._chance.random(ID_BYTES + SECRET_BYTES))
        made = Token(id_of(token), digest_of(token), now, by, now + seconds, labels)
        async with self._database.transaction() as connection:
            await tables.forget_tokens(connection, before=now - KEPT_SECONDS)
            await tables.add_token(connection, made)
        return view_of(made, now), token

    async def all(self) -> tuple[InvitationView, ...]:
        """The newest first; those that ended, too."""
        async with self._database.read() as connection:
            found = await tables.all_tokens(connection)
        return tuple(view_of(token, self._chance.now()) for token in found)

    async def revoke(self, token_id: str) -> InvitationView:
        """Nobody joins by it any more. One that ended already stays as it is.

        Raises:
            NotFound: there is none of that id.
        """
        now = self._chance.now()
        async with self._database.transaction() as connection:
            await tables.revoke_token(connection, token_id, now=now)
            found = await tables.token_by_id(connection, token_id)
        if found is None:
            values = {"about": "join_line", "id": token_id}
            raise NotFound("there is no such join line", hint="cluster-ai node invitations", values=values)
        return view_of(found, now)


async def redeem(connection: AsyncConnection, token: str, *, name: str, now: float) -> Token:
    """Uses a token up, together with whatever else the unit of work does.

    Raises:
        JoinRefused: it is none of ours, or was used, revoked or too old. Never says how near it came.
    """
    found = await tables.token_by_id(connection, id_of(token))
    if found is None or not is_token(token, found.digest):
        raise _refused("unknown")
    why = found.why_not(now)
    if not why and not await tables.use_token(connection, found.id, name=name, now=now):
        why = "used"
    if why:
        raise _refused(why)
    return found


def _refused(why: str) -> JoinRefused:
    words = {
        "unknown": "this head knows no such join line",
        "used": "a machine has joined by this line already; each is good for one",
        "revoked": "this join line was revoked",
        "expired": "this join line is too old",
    }
    hint = "make a new one on the head: cluster-ai node invite"
    return JoinRefused(words[why], hint=hint, values={"about": why})


def view_of(token: Token, now: float) -> InvitationView:
    return InvitationView(
        id=token.id,
        state=token.why_not(now) or "open",
        made_at=token.made_at,
        made_by=token.made_by,
        expires_at=token.expires_at,
        labels=token.labels,
        used_at=token.used_at,
        used_by=token.used_by,
    )
