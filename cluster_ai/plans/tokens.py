"""Tokens of attempts: JWT signed with Ed25519. One opens one attempt at one ticket, for a few verbs and minutes.

The secret of the lease is in it (``fence``), so that the token of an attempt that was taken over is worth nothing,
however long it would live. Times are of the caller's clock, which is handed in.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import make_secret
from cluster_ai.plans.records import Fence
from cluster_ai.plans.types import TicketToken, TokenScope

ALGORITHM: Final = "EdDSA"
ISSUER: Final = "cluster-ai"
AUDIENCE: Final = "cluster-ai-tickets"
FILE: Final = "tickets.pem"
BEYOND_SECONDS: Final = 300.0
"""A token outlives its lease by this, so that a late report is told that it came too late."""
LONGEST: Final = 2048
KNOWN: Final = 4096
"""Tokens whose seal need not be checked again."""
VERBS: Final = ("start", "heartbeat", "complete", "read")
READ: Final = ("read",)
_REQUIRED: Final = ("iss", "aud", "sub", "jti", "exp", "iat", "att", "scope", "fence")


@dataclass(frozen=True, slots=True)
class TicketKeys:
    """The key that signs and checks. Other programs cannot check these tokens, and need not."""

    key: Ed25519PrivateKey
    known: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict, repr=False, compare=False)
    """What the newest tokens say that were signed here or found to be ours: each comes back once or twice, and to check
    a seal costs more than anything else that is done with one.
    """

    @classmethod
    def load(cls, folder: Path) -> "TicketKeys":
        """The key in ``folder``; made there when there is none.

        Raises:
            Misconfigured: the file holds something else.
        """
        path = folder / FILE
        new = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        make_secret(path, new.decode("ascii").strip())
        hint = "remove it; a new one is made at the next start"
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise Misconfigured(f"{path} holds no key", hint=hint) from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise Misconfigured(f"{path} holds another kind of key", hint=hint)
        return cls(key)

    def sign(self, fence: Fence, *, until: float, now: float, jti: str, scope: tuple[str, ...] = VERBS) -> str:
        """A token that is good until ``until``, Unix seconds."""
        said: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": fence.ticket_id, "jti": jti}
        said |= {"att": fence.attempt, "fence": fence.token, "scope": list(scope)}
        said |= {"iat": int(now), "exp": int(until)}
        token = jwt.encode(said, self.key, algorithm=ALGORITHM)
        self._note(token, said)
        return token

    def read(self, token: str, *, ticket_id: str, verb: str, now: float) -> Fence:
        """Which attempt the token is of.

        Raises:
            TicketToken: it is not one of ours, or too old.
            TokenScope: it is of another ticket, or does not reach ``verb``.
        """
        found = self.known.get(token) or self._decoded(token)
        if int(found["exp"]) <= now:
            raise TicketToken("the ticket's token has expired", hint="its lease is over; ask for other work")
        if found["sub"] != ticket_id:
            raise TokenScope("the token is of another ticket")
        if verb not in found["scope"]:
            raise TokenScope(f"the token does not reach {verb}")
        return Fence(ticket_id, int(found["att"]), str(found["fence"]))

    def _decoded(self, token: str) -> dict[str, Any]:
        # Times are checked against the clock that leases are counted by, not against the system's.
        options: Any = {"require": list(_REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            if len(token) > LONGEST:
                raise jwt.DecodeError("too long")
            found: dict[str, Any] = jwt.decode(
                token, self.key.public_key(), algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as exc:
            raise TicketToken("the ticket's token is not valid", hint="use the one that came with the lease") from exc
        numbers = all(type(found[name]) is int for name in ("exp", "att"))
        if not numbers or not isinstance(found["scope"], list) or found["aud"] != AUDIENCE:
            raise TicketToken("the ticket's token is not valid")
        self._note(token, found)
        return found

    def _note(self, token: str, said: dict[str, Any]) -> None:
        self.known[token] = said
        while len(self.known) > KNOWN:
            self.known.popitem(last=False)
