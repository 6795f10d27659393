"""Which node speaks what: the paths that Ollama learned on its way. Pure.

Sources: ``/v1/responses`` came with Ollama 0.13.3 (its docs/api/openai-compatibility.mdx), ``/v1/messages`` with 0.14.0
(its docs/api/anthropic-compatibility.mdx, which also says that ``/v1/messages/count_tokens`` is not there).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from cluster_ai.core.errors import Unsupported
from cluster_ai.gateway.dialects.paths import COUNT_TOKENS, MESSAGES, RESPONSES

Version = tuple[int, int, int]

_SINCE: Final[Mapping[str, Version | None]] = {
    RESPONSES.path: (0, 13, 3),
    MESSAGES.path: (0, 14, 0),
    COUNT_TOKENS.path: None,
}
"""None: no version has it."""
_NUMBERS: Final = re.compile(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?")


def speaks(version: str, path: str) -> bool:
    """Whether a node of that version answers ``path``. A version that cannot be read promises nothing new."""
    if path not in _SINCE:
        return True
    since, found = _SINCE[path], _NUMBERS.match(version.strip())
    if since is None or found is None:
        return False
    return (int(found[1]), int(found[2]), int(found[3] or 0)) >= since


def all_speak(versions: Iterable[str], path: str) -> bool:
    """Whether a call of ``path`` may go to any of these nodes as it is; of no nodes none speaks."""
    known = list(versions)
    return bool(known) and all(speaks(version, path) for version in known)


def not_spoken(path: str, model: str, versions: Iterable[str]) -> Unsupported:
    """The refusal of a path that no node with the model knows."""
    since = _SINCE.get(path)
    needed = ".".join(map(str, since)) if since else "no version"
    found = ", ".join(sorted({version or "unknown" for version in versions})) or "none"
    return Unsupported(
        f"no node that has {model} answers {path}: it came with Ollama {needed}, these have {found}",
        hint="ask /v1/chat/completions or /v1/messages instead, which every node can serve",
    )
