"""The join line: one URL that says where the head is, how to know it, and why it should let a machine in. Pure.

``https://192.168.1.10:8443/join?ca=<sha256>&also=head.lan:8443#<id>.<secret>``

The secret stands in the fragment: whatever takes the line for a web address does not send it anywhere.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from cluster_ai.core.errors import InvalidInput

ID_BYTES: Final = 8
SECRET_BYTES: Final = 24
LONGEST: Final = 2048
MOST_HEADS: Final = 8
_PATH: Final = "/join"
_TOKEN: Final = re.compile(r"^([0-9a-f]{16})\.([0-9a-f]{48})$")
_FINGERPRINT: Final = re.compile(r"^[0-9a-f]{64}$")
_PLACE: Final = re.compile(r"^(\[[0-9A-Fa-f:]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{1,5})$")


class BadLine(InvalidInput):
    """The text is no join line, or only a part of one."""

    code = "bad_join_line"


@dataclass(frozen=True, slots=True)
class Line:
    """A join line taken apart. ``heads``: ``host:port``, the best first. ``fingerprint``: SHA-256 of the CA (DER)."""

    heads: tuple[str, ...]
    fingerprint: str
    token: str
    """``<id>.<secret>``"""

    @property
    def text(self) -> str:
        """As people copy it."""
        first, *others = self.heads
        query = urlencode([("ca", self.fingerprint), *(("also", head) for head in others)], safe=":[]")
        return f"https://{first}{_PATH}?{query}#{self.token}"


def parse_line(text: str) -> Line:
    """The line in ``text``; spaces and line breaks that came in by copying are forgiven.

    Raises:
        BadLine: says which part is missing.
    """
    text = "".join(text.split())
    if not text or len(text) > LONGEST:
        raise BadLine("that is no join line", hint=_HINT)
    try:
        parts = urlsplit(text)
        query = parse_qs(parts.query, strict_parsing=True, max_num_fields=MOST_HEADS + 1)
    except ValueError as exc:
        raise BadLine("that is no join line", hint=_HINT) from exc
    if parts.scheme != "https" or parts.path != _PATH:
        raise BadLine("a join line begins with https:// and leads to /join", hint=_HINT)
    heads = (parts.netloc, *query.get("also", ()))
    fingerprints = query.get("ca", [])
    if not all(map(_is_place, heads)):
        raise BadLine("the join line does not say where the head is", hint=_HINT)
    if len(fingerprints) != 1 or not _FINGERPRINT.match(fingerprints[0]):
        raise BadLine("the join line does not say how to know the head (ca=)", hint=_HINT)
    if not _TOKEN.match(parts.fragment):
        raise BadLine("the end of the join line is missing: what follows #", hint="quote it in the shell: '...'")
    return Line(tuple(dict.fromkeys(heads)), fingerprints[0], parts.fragment)


def new_token(random: bytes) -> str:
    """A token of ``ID_BYTES + SECRET_BYTES`` random bytes."""
    text = random.hex()
    return f"{text[: 2 * ID_BYTES]}.{text[2 * ID_BYTES :]}"


def id_of(token: str) -> str:
    """The part of a token that may be shown; empty when it is none."""
    found = _TOKEN.match(token)
    return found[1] if found else ""


def digest_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def is_token(token: str, digest: str) -> bool:
    """Whether ``digest`` is that of ``token``, compared in constant time."""
    return hmac.compare_digest(digest_of(token), digest)


def place(host: str, port: int) -> str:
    """``host:port``, with brackets where they belong."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_place(text: str) -> bool:
    found = _PLACE.match(text)
    return found is not None and 0 < int(found[2]) <= 65_535  # noqa: PLR2004 - TCP's own limit


_HINT: Final = "copy the whole line that `cluster-ai node invite` printed on the head"
