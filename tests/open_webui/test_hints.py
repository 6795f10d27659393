"""Who asks, in which chat, and whether anybody waits: read from requests that the real Open WebUI made."""

import time
from typing import Any

import jwt
import pytest

from cluster_ai.gateway.dialects.open_webui import CHAT_ID, NOTHING, TASK, USER_ID, USER_JWT, Hint, placed, who
from cluster_ai.keys.types import Priority
from tests.open_webui.requests import Recorded, recorded

SECRET = "a secret that both sides know; a long one, so that other algorithms take it, too"
CHAT = "00000000-0000-4000-8000-000000000002"
ANA = "00000000-0000-4000-8000-000000000001"
FOR_NOBODY = ("title_task", "follow_up_task", "tags_task")


def hint(request: Recorded, *without: str, **more: Any) -> Hint:
    return who(request.lower(*without), stream=request.streams, fields=request.fields, **more)


def signed(secret: str = SECRET, *, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    """The headers of a chat whose user is signed, as Open WebUI signs it."""
    now = int(time.time())
    said = {"sub": ANA, "email": "ana@example.test", "iss": "open-webui", "iat": now, "exp": now + 300} | claims
    kept = {key: value for key, value in said.items() if value is not None}
    return {CHAT_ID: CHAT, USER_JWT: jwt.encode(kept, secret, algorithm=algorithm)}


def test_answer_that_a_person_waits_for_is_interactive() -> None:
    assert hint(recorded("chat"), trusted=True) == Hint(Priority.INTERACTIVE, CHAT, ANA)


def test_answer_that_is_not_streamed_is_interactive_when_the_task_header_says_that_it_is_the_answer() -> None:
    chat = recorded("chat")
    whole = who(chat.lower(), stream=False, fields=chat.fields | {"stream": False}, trusted=True)
    assert whole.priority is Priority.INTERACTIVE
    unmarked = who(chat.lower(TASK), stream=False, fields=chat.fields | {"stream": False}, trusted=True)
    assert unmarked.priority is None


@pytest.mark.parametrize("name", FOR_NOBODY)
@pytest.mark.parametrize("marked", [True, False], ids=["by_header", "by_prompt"])
def test_titles_tags_and_follow_ups_are_background_with_and_without_the_header(name: str, marked: bool) -> None:
    found = hint(recorded(name), *(() if marked else (TASK,)), trusted=True)
    assert found == Hint(Priority.BACKGROUND, CHAT, ANA)


def test_background_needs_no_trust_but_going_first_does() -> None:
    assert hint(recorded("title_task")).priority is Priority.BACKGROUND
    assert hint(recorded("chat")).priority is None


def test_search_query_on_the_way_to_an_answer_is_no_background_work() -> None:
    title = recorded("title_task")
    headers = title.lower() | {TASK: "query_generation"}
    assert who(headers, stream=False, fields=title.fields, trusted=True).priority is Priority.INTERACTIVE


def test_question_that_quotes_a_task_stays_the_callers_own() -> None:
    quoted = recorded("title_task").fields["messages"]
    talk = {"messages": [{"role": "user", "content": "hi"}, *quoted]}
    assert who({}, stream=False, fields=talk) is NOTHING
    assert who({}, stream=True, fields={"messages": quoted}) is NOTHING
    assert who({}, stream=False, fields={"messages": quoted, "tools": [{}]}) is NOTHING


@pytest.mark.parametrize("messages", [None, [], "text", [None], [{"content": None}], [{"content": [{"type": "text"}]}]])
def test_bodies_of_any_shape_are_read(messages: object) -> None:
    assert who({}, stream=False, fields={"messages": messages}) is NOTHING


def test_plain_user_header_is_believed_only_where_it_is_trusted() -> None:
    chat = recorded("chat")
    assert hint(chat).user == ""
    assert hint(chat, secret=SECRET).user == ""
    assert hint(chat, trusted=True).user == ANA


def test_signed_user_is_believed_with_the_right_secret() -> None:
    assert who(signed(), stream=True, fields={}, secret=SECRET) == Hint(Priority.INTERACTIVE, CHAT, ANA)


def test_signed_user_wins_over_the_plain_header() -> None:
    headers = signed() | {USER_ID: "somebody-else"}
    assert who(headers, stream=True, fields={}, secret=SECRET, trusted=True).user == ANA


@pytest.mark.parametrize(
    "headers",
    [
        signed(SECRET.upper()),
        signed(exp=int(time.time()) - 3600),
        signed(exp=None),
        signed(iss="somebody"),
        signed(iss=None),
        signed(sub=None),
        signed(algorithm="HS512"),
        {CHAT_ID: CHAT, USER_JWT: jwt.encode({"sub": ANA, "iss": "open-webui", "exp": 2**33}, None, algorithm="none")},
        {CHAT_ID: CHAT, USER_JWT: "no token"},
    ],
    ids=["secret", "expired", "for_ever", "issuer", "no_issuer", "nobody", "algorithm", "unsigned", "garbage"],
)
def test_signed_user_is_not_believed(headers: dict[str, str]) -> None:
    found = who(headers, stream=True, fields={}, secret=SECRET)
    assert (found.user, found.priority) == ("", None)
    assert found.doubt.startswith(USER_JWT)
    assert found.affinity == CHAT, "the chat's cache is worth finding whoever asks"


def test_signature_without_a_secret_here_says_nothing() -> None:
    assert who(signed(), stream=True, fields={}) == Hint(None, CHAT)


def test_ids_of_any_length_are_cut() -> None:
    found = who({CHAT_ID: "c" * 9000, USER_ID: "u" * 9000}, stream=True, fields={}, trusted=True)
    assert (len(found.affinity), len(found.user)) == (128, 128)


@pytest.mark.parametrize(
    ("own", "interactive", "background"),
    [
        (Priority.INTERACTIVE, Priority.INTERACTIVE, Priority.BACKGROUND),
        (Priority.NORMAL, Priority.INTERACTIVE, Priority.BACKGROUND),
        (Priority.BACKGROUND, Priority.BACKGROUND, Priority.BACKGROUND),
        (Priority.BATCH, Priority.BATCH, Priority.BATCH),
    ],
)
def test_headers_move_a_call_forward_only_from_the_middle(
    own: Priority, interactive: Priority, background: Priority
) -> None:
    assert placed(own, Hint(Priority.INTERACTIVE)) is interactive
    assert placed(own, Hint(Priority.BACKGROUND)) is background
    assert placed(own, NOTHING) is own
