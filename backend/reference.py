"""Reference pages made from the code. ``python -m backend.reference`` writes them and ``docs/openapi.json``."""

import importlib
import pkgutil
from pathlib import Path
from typing import Final

import backend
import cluster_ai
from backend import openapi
from backend.errors import status_of
from backend.policy import RULES
from cluster_ai.core.errors import ClusterError

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"
_MADE: Final = "Made by `python -m backend.reference`; do not edit by hand.\n"

_ERRORS: Final = f"""# Errors
{_MADE}
Every error has a stable `code`. The API answers RFC 9457 problems (`application/problem+json`):

```json
{{"type": "about:blank", "title": "Not found", "status": 404, "detail": "no node is called n9",
 "code": "not_found", "hint": "./manager.sh node ls", "errors": []}}
```

`detail` says what is wrong, `hint` what to do, `errors` names refused fields (`path`, `message`). `Retry-After` comes
with 429 and 503. The CLI prints the same sentences and codes. The gateway wraps them in the shape of the API called.

| code | status | meaning |
| --- | --- | --- |
"""

_LISTENER: Final = """
Listeners answer some requests before any application sees them, in the same shape:

| code | status | meaning |
| --- | --- | --- |
| `request_timeout` | 408 | The head took more than 5 s, or the body more than 20 s. |
| `upstream_lost` | in the stream | A node's answer broke off after its first byte; the connection is then cut. |
| `wrong_host` | 421 | The Host header names somebody else; add the name to `allowed_hosts`. |
| `headers_too_large` | 431 | The head is larger than 32 KiB or has more than 100 headers. |
| `bad_request` | 400 | The request can be read in two ways (two lengths, two hosts, bad chunks). |
| `too_many_connections` | 503 | The listener holds as many connections as it may. |
"""

_ELSEWHERE: Final = {
    "method_not_allowed": 405,
    "context_length_exceeded": 400,
    "node_failed": 502,
    "broken_blob": 400,
    "limit_reached": 429,
}
"""Errors that only the gateway and the node answer, with statuses of their own."""

_POLICY: Final = f"""# Who may call what
{_MADE}
One table in `backend/policy.py` decides; a route that is not in it does not start. Each role has every right of the
roles before it: `viewer` looks, `user` chats, `operator` changes nodes, models and workers, `admin` sees the audit log
and manages people. A token that was narrowed to scopes reaches only those. Everything else under `/` is the dashboard's
files, which are open.

| method | path | least role | scope | |
| --- | --- | --- | --- | --- |
"""


def every_error() -> list[type[ClusterError]]:
    """Each error class of every module, by code."""
    for package in (cluster_ai, backend):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    found: set[type[ClusterError]] = set()
    pending: list[type[ClusterError]] = [ClusterError]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if kind.__module__.startswith((f"{cluster_ai.__name__}.", f"{backend.__name__}.")):
            found.add(kind)
    return sorted(found, key=lambda kind: (kind.code, len(kind.__mro__), kind.__name__))


def render_errors() -> str:
    """The page of error codes; each code once, told by its most general class."""
    told: dict[str, type[ClusterError]] = {}
    for kind in every_error():
        told.setdefault(kind.code, kind)
    lines = [
        f"| `{code}` | {_ELSEWHERE.get(code) or status_of(kind)} | {_meaning(kind)} |" for code, kind in told.items()
    ]
    return _ERRORS + "\n".join(lines) + "\n" + _LISTENER


def render_policy() -> str:
    """The page of the policy table."""
    lines = [
        f"| {rule.method} | `{rule.path.replace(':path', '')}` | {rule.least or 'open'} | `{rule.scope}` | {rule.why} |"
        for rule in RULES
    ]
    return _POLICY + "\n".join(lines) + "\n"


def _meaning(kind: type[ClusterError]) -> str:
    written = str(vars(kind).get("__doc__") or "").split("\n\n")[0]
    return _PLAIN.get(kind.code) or " ".join(written.split()).replace("``", "`")


_PLAIN: Final = {
    "internal": "A mistake of ours; the log of the part has the story.",
    "invalid_input": "The caller sent something wrong; `errors` says where.",
    "unavailable": "A dependency is down; trying again after `Retry-After` may help.",
    "not_found": "The thing named does not exist.",
    "conflict": "It exists, but not in a state that allows this.",
    "unauthenticated": "Nobody is signed in.",
    "forbidden": "Somebody is signed in, but may not.",
    "unsupported": "This build or this node cannot do it.",
    "misconfigured": "The settings must be mended before anything can start.",
    "weak_password": "Too short, too long, or among the first that anybody tries.",
    "no_such_route": "The API has no such path.",
    "method_not_allowed": "The path exists, but not for this method; `Allow` names those it has.",
    "body_too_large": "The body is larger than this listener takes.",
}


def main() -> None:
    (FOLDER / "errors.md").write_text(render_errors(), encoding="utf-8")
    (FOLDER / "policy.md").write_text(render_policy(), encoding="utf-8")
    openapi.main()


if __name__ == "__main__":
    main()
