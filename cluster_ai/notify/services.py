"""Which of Apprise's services messages may go through, and where that leads. Pure.

An Apprise address holds everything: the service, its tokens, often a host. So it is kept as a secret is, and what
people see of it is the service's name. Services whose host anybody may choose reach what an administrator lists and
nothing else: Apprise connects by itself, past the guard that looks at addresses of webhooks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from cluster_ai.notify.addresses import PORTS
from cluster_ai.notify.guard import Guard
from cluster_ai.notify.types import TargetRefused

FRONT: Final = "apprise:"
FIXED: Final = frozenset(
    {
        *("discord", "gchat", "ifttt", "opsgenie", "pagerduty", "pbul", "pover", "prowl"),
        *("simplepush", "slack", "tgram", "twilio", "whatsapp"),
    }
)
"""Services that are in one place on the internet, whatever the address says."""
HOSTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("apprise", "bark", "gotify", "hassio", "json", "matrix", "mmost", "rocket", "signal"), "http"),
    **dict.fromkeys(("apprises", "barks", "gotifys", "hassios", "jsons", "matrixs", "mmosts", "rockets"), "https"),
    "signals": "https",
}
"""Services of somebody's own, and how they are spoken to."""
_FORBIDDEN: Final = frozenset({"verify", "redirect", "template", "attach", "store"})
"""Parameters that read files of this machine, follow others, or trust anybody."""
_PLAIN: Final = re.compile(r"[\x21-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Service:
    """``host`` and ``port`` are empty for a service that is where it is."""

    name: str
    host: str = ""
    port: int = 0

    @property
    def shown(self) -> str:
        """As people see the endpoint's URL."""
        return f"{FRONT}{self.name}"


def service_of(url: str, secret: str, guard: Guard) -> Service:
    """What the Apprise address ``secret`` leads to; ``url`` names the service, or is ``apprise:`` alone.

    Raises:
        TargetRefused: it is no such address, the service is none of these, or its host is not listed.
    """
    if not _PLAIN.fullmatch(secret) or "\\" in secret or "://" not in secret:
        raise _wrong("the file holds no Apprise address: SERVICE://...")
    name, _, rest = secret.partition("://")
    if url not in {FRONT, f"{FRONT}{name}"}:
        raise _wrong(f"the URL of this kind is {FRONT}{name}", path="url")
    if bad := sorted({key for key, _ in parse_qsl(rest.partition("?")[2], keep_blank_values=True)} & _FORBIDDEN):
        raise _wrong(f"the Apprise address must not say {', '.join(bad)}")
    if name in FIXED:
        return Service(name)
    if name not in HOSTED:
        known = ", ".join(sorted(FIXED | HOSTED.keys()))
        raise TargetRefused(f"messages do not go through {name}", path="secret", hint=f"one of {known}")
    return _hosted(name, secret, guard)


def _hosted(name: str, address: str, guard: Guard) -> Service:
    scheme = HOSTED[name]
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or PORTS[scheme]
    except ValueError as exc:
        raise _wrong("the Apprise address cannot be read") from exc
    place = f"[{host}]" if ":" in host else host
    target = guard.read(f"{scheme}://{place}:{port}/")
    if not target.listed:
        hint = f'an administrator can list "{scheme}://{place}:{port}" in notify.allow'
        raise TargetRefused(f"{host} is not listed", path="secret", hint=hint, values={"host": host})
    return Service(name, host, port)


def _wrong(why: str, path: str = "secret") -> TargetRefused:
    return TargetRefused(why, path=path, values={"about": "malformed"})
