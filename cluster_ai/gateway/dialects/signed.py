"""The identity that Open WebUI signs. Apart from what else it tells: PyJWT brings all of cryptography with it."""

from typing import Final

import jwt

_ISSUER: Final = "open-webui"
_LEEWAY_SECONDS: Final = 30
"""Clocks of two machines differ."""


class NotBelieved(ValueError):
    """The token is not what ``secret`` signed, or not any more; says why."""


def subject(token: str, secret: str) -> str:
    """Whose token it is: the id of a user.

    Raises:
        NotBelieved: it is not whole, not ours, or expired.
    """
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=_ISSUER,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "sub", "iss"], "verify_aud": False},
        )
    except jwt.InvalidTokenError as exc:
        raise NotBelieved(str(exc)) from exc
    return str(claims["sub"])
