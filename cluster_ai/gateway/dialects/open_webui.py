"""What Open WebUI tells of a call: who asks, in which chat, and whether a person waits for the answer. Pure.

One message typed there makes four calls: the answer, and a title, tags and follow-up questions for which nobody waits.
Facts are those of Open WebUI 0.12.4 (``tests/open_webui/recorded``): user and chat come in ``X-OpenWebUI-*`` headers
with ``ENABLE_FORWARD_USER_INFO_HEADERS``, or signed with ``FORWARD_USER_INFO_HEADER_JWT_SECRET``; the kind of a call
comes in a header of its own only when the connection is set up to send it, as ``docs/open-webui.md`` shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.keys.types import Priority

TASK: Final = "x-cluster-task"
"""Empty for the answer itself. Open WebUI fills it in where its connection has ``{"X-Cluster-Task": "{{TASK}}"}``."""
CHAT_ID: Final = "x-openwebui-chat-id"
USER_ID: Final = "x-openwebui-user-id"
USER_JWT: Final = "x-openwebui-user-jwt"
SHORTEST_SECRET: Final = 32
"""Bytes of a key for HS256 (RFC 7518 section 3.2)."""

# A title for a chat may come when it comes; a search query is a step on the way to the answer, so it is not here.
_UNATTENDED: Final = frozenset(
    {"title_generation", "follow_up_generation", "tags_generation", "emoji_generation", "memory_review", "background"}
)
# How the prompts of the same tasks begin by default: all there is to know them by when no header says it.
_UNATTENDED_PROMPTS: Final = tuple(
    f"### Task:\n{words}"
    for words in ("Generate a concise", "Generate 1-3 broad tags", "Predict 3-5 ", "Suggest 3-5 relevant follow-up")
)
_LONGEST_ID: Final = 128


@dataclass(frozen=True, slots=True)
class Hint:
    """What of a call is known beyond its key. It orders calls; it never allows one."""

    priority: Priority | None = None
    """None: as the caller's key says. ``BACKGROUND`` anyone may ask for; ``INTERACTIVE`` only from the trusted."""
    affinity: str = ""
    """Calls of one chat share it; empty when there is none."""
    user: str = ""
    """Whose turn it is among the people behind one key; empty when unknown or not to be believed."""
    doubt: str = ""
    """Why a signed identity was not believed; for the log."""


NOTHING: Final = Hint()


def who(
    headers: Mapping[str, str],
    *,
    stream: bool,
    fields: Mapping[str, Any],
    secret: str = "",
    trusted: bool = False,
) -> Hint:
    """The hint in ``headers`` (names in lower case) and in ``fields``, the parsed body.

    ``secret`` verifies the signed identity; ``trusted``: the plain headers are believed, since nobody else can send
    them. Both are settings of the gateway, never of a request.
    """
    task = headers.get(TASK)
    chat = headers.get(CHAT_ID, "")[:_LONGEST_ID]
    user, doubt = _user(headers, secret, trusted=trusted)
    if task in _UNATTENDED or (not task and not stream and _is_unattended(fields)):
        return Hint(Priority.BACKGROUND, chat, user, doubt)
    waited_for = bool(chat and user) and (stream or task is not None)
    if waited_for:
        return Hint(Priority.INTERACTIVE, chat, user, doubt)
    return Hint(None, chat, user, doubt) if chat or user or doubt else NOTHING


def placed(own: Priority, hint: Hint) -> Priority:
    """The class of a call whose key has the class ``own``.

    A key that is for background work stays behind whatever its headers say; one that may go first may step back.
    """
    if hint.priority is None or (hint.priority < own and own is not Priority.NORMAL):
        return own
    return hint.priority


def _user(headers: Mapping[str, str], secret: str, *, trusted: bool) -> tuple[str, str]:
    """The user's id as far as it may be believed, and why a signed one is not."""
    doubt = ""
    if secret and (token := headers.get(USER_JWT)):
        # Only where there is a secret: what verifies takes a tenth of a gateway's start.
        from cluster_ai.gateway.dialects.signed import NotBelieved, subject  # noqa: PLC0415

        try:
            return subject(token, secret)[:_LONGEST_ID], ""
        except NotBelieved as exc:
            doubt = f"{USER_JWT}: {exc}"
    return (headers.get(USER_ID, "")[:_LONGEST_ID], doubt) if trusted else ("", doubt)


def _is_unattended(fields: Mapping[str, Any]) -> bool:
    messages = fields.get("messages")
    # One question, nothing said before it and no tools: the answer to a person may quote such words, but not so.
    if not isinstance(messages, list) or len(messages) != 1 or fields.get("tools"):
        return False
    prompt = messages[0].get("content") if isinstance(messages[0], dict) else None
    return isinstance(prompt, str) and prompt.startswith(_UNATTENDED_PROMPTS)
