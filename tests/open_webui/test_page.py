"""Open WebUI's own page in a real browser, in front of the real gateway."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster_ai.gateway.dialects.open_webui import who
from cluster_ai.keys.types import Priority
from tests.open_webui.conftest import MODEL, SECRET, TALKER, Place
from tests.open_webui.watched import browse
from tests.waiting import until

pytestmark = [pytest.mark.open_webui, pytest.mark.timeout(300)]


def test_message_is_answered_and_its_four_calls_are_told_apart(place: Place) -> None:
    before = len(place.recorder.chats())
    assert len(browse(place.ui, TALKER, "Good morning")["answer"].split()) >= 20
    calls = until(lambda: (rows := place.recorder.chats()[before:])[3:] and rows, seconds=30, what="four calls")
    hints = []
    for row in calls:
        headers = {name.lower(): value for name, value in row["headers"].items()}
        assert "x-openwebui-user-id" not in headers, "the user is signed instead"
        hints.append(who(headers, stream=row["body"]["stream"], fields=row["body"], secret=SECRET))
    assert sorted(hint.priority for hint in hints) == [Priority.INTERACTIVE, *[Priority.BACKGROUND] * 3]
    assert len({hint.affinity for hint in hints}) == len({hint.user for hint in hints}) == 1
    assert hints[0].affinity
    assert hints[0].user


def test_node_killed_in_mid_answer_is_an_error_on_the_page(place: Place) -> None:
    place.gateway.fleet.set(rate=10, answer_tokens=300)
    with ThreadPoolExecutor(1) as browser:
        page = browser.submit(browse, place.ui, TALKER, "Tell me all")
        until(lambda: place.writing(20, "Tell me all"), seconds=90, what="a node writes").kill()
        shown = page.result()
    assert "Response payload is not completed" in shown["answer"]


def test_model_that_knows_no_tools_answers_although_36_are_offered(place: Place) -> None:
    before = len(place.recorder.chats())
    shown = browse(place.ui, MODEL, "What is the capital of France? Answer in one short sentence.")
    assert "Paris" in shown["answer"]
    # The answer alone brings tools; titles and tags, of an earlier message too, come when they come.
    offered = [row["body"]["tools"] for row in place.recorder.chats()[before:] if row["body"].get("tools")]
    assert [len(tools) for tools in offered] == [36]
