"""Reference pages made from the code. ``python -m backend.reference`` writes them and ``docs/openapi.json``."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Final

import backend
import cluster_ai
from backend import openapi
from backend.errors import status_of
from backend.hints import GAP, advised
from backend.policy import RULES
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import texts
from cluster_ai.core.sentences import DOMAIN

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"
MOST_HINTS: Final = 4
_MADE: Final = "Made by `python -m backend.reference`; do not edit by hand.\n"

_EXAMPLE: Final = """\
{"type": "about:blank", "title": "Not found", "status": 404, "detail": "no node is called n9",
 "code": "not_found", "hint": "./manager.sh node ls", "errors": []}"""

_ERRORS: Final = f"""# Errors
{_MADE.strip()} *[Português](errors.pt-BR.md)*

Every error has a stable `code`. The API answers RFC 9457 problems (`application/problem+json`):

```json
{_EXAMPLE}
```

`detail` says what is wrong, `hint` what to do, `errors` names refused fields (`path`, `message`). `Retry-After` comes
with 429 and 503. The CLI prints the same sentences and codes. The gateway wraps them in the shape of the API called.

What to do is what the error itself advises where it is raised; `…` stands for what it names then.
[What you see, and what to do](../how-to/troubleshooting.md) begins from the other end.

| code | status | meaning | what to do |
| --- | --- | --- | --- |
"""

_PORTUGUESE: Final = f"""# Erros
Feito por `python -m backend.reference`; não edite à mão. *[English](errors.md)*

Cada erro tem um `code` que não muda. A API responde com problemas do RFC 9457 (`application/problem+json`):

```json
{_EXAMPLE}
```

`detail` diz o que está errado, `hint` o que fazer, `errors` nomeia os campos recusados (`path`, `message`).
`Retry-After` vem com 429 e 503. A linha de comando, o painel e a interface do terminal dizem as frases abaixo. Depois
de uma frase que termina em dois-pontos vêm, em inglês, as palavras do erro; `…` fica no lugar do que ele nomeia.
[O que você vê, e o que fazer](../how-to/troubleshooting.pt-BR.md) começa pelo outro lado.

| código | status | o que diz | o que fazer |
| --- | --- | --- | --- |
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

_PORTUGUESE_LISTENER: Final = """
Alguns pedidos são respondidos pelo servidor antes que uma aplicação os veja, na mesma forma:

| código | status | o que diz | o que fazer |
| --- | --- | --- | --- |
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
    advice = _advice()
    lines = [
        f"| `{code}` | {_status(code, kind)} | {_meaning(kind)} | {_cell('; '.join(advice[code]))} |"
        for code, kind in _codes().items()
    ]
    return _ERRORS + "\n".join(lines) + "\n" + _LISTENER


def render_portuguese_errors() -> str:
    """The same in Portuguese, from the sentences that the program itself says."""
    listeners = re.findall(r"^\| `(\w+)` \| (.*?) \|", _LISTENER, re.MULTILINE)
    ours = [_portuguese(code, str(_status(code, kind))) for code, kind in _codes().items()]
    theirs = [_portuguese(code, status.replace("in the stream", "no fluxo")) for code, status in listeners]
    return _PORTUGUESE + "".join(ours) + _PORTUGUESE_LISTENER + "".join(theirs)


def _portuguese(code: str, status: str) -> str:
    """The row of a code."""
    sentences = texts("pt-BR", DOMAIN)
    said = [text for key, text in sentences.items() if key.partition(".")[0] == code and key.endswith(".hint")]
    hints = "; ".join(re.sub(r"\{\w+\}", GAP, text) for text in list(dict.fromkeys(said))[:MOST_HINTS])
    meaning = re.sub(r"\{\w+\}", GAP, sentences[code])
    return f"| `{code}` | {status} | {_cell(meaning)} | {_cell(hints)} |\n"


def _codes() -> dict[str, type[ClusterError]]:
    """Each code once, with its most general class."""
    found: dict[str, type[ClusterError]] = {}
    for kind in every_error():
        found.setdefault(kind.code, kind)
    return found


def _advice() -> dict[str, list[str]]:
    """What each code advises: where it is raised, else in the catalogue of sentences."""
    beside, sentences = advised(), texts("en", DOMAIN)
    found: dict[str, dict[str, None]] = {}
    for kind in every_error():
        found.setdefault(kind.code, {}).update(dict.fromkeys(beside.get(kind.__name__, ())))
    for code, hints in found.items():
        if not hints and (general := sentences.get(f"{code}.hint")):
            hints.setdefault(re.sub(r"\{\w+\}", GAP, general))
    return {code: list(hints)[:MOST_HINTS] for code, hints in found.items()}


def _status(code: str, kind: type[ClusterError]) -> int:
    return _ELSEWHERE.get(code) or status_of(kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


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
    (FOLDER / "errors.pt-BR.md").write_text(render_portuguese_errors(), encoding="utf-8")
    (FOLDER / "policy.md").write_text(render_policy(), encoding="utf-8")
    openapi.main()


if __name__ == "__main__":
    main()
