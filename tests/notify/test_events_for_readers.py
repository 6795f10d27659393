"""Events on the bus, as readers of the stream get them, in each form that a room tells them in."""

import json
from collections.abc import Callable

import pytest

from backend.streams import as_text
from cluster_ai.core.bus import Message
from cluster_ai.core.events import Event

SHOWN = {"id": "e1", "type": "ticket.failed", "subject": "t1", "at": 2.0, "data": {"code": "timeout"}}


@pytest.mark.parametrize(
    "data", [Event("e1", "ticket.failed", "t1", {"code": "timeout"}, 2.0), SHOWN], ids=["event", "shown"]
)
def test_one_form_reaches_readers(data: object) -> None:
    assert json.loads(as_text(Message(7, "ticket", data))) == {"number": 7, "topic": "ticket", "data": SHOWN}


@pytest.mark.parametrize("form", [dict, Event], ids=["shown", "event"])
def test_address_of_a_ticket_is_no_readers_business(form: Callable[..., object]) -> None:
    told = form(
        id="e1", type="ticket.failed", subject="t1", at=2.0, data={"webhook_url": "https://h/?t=hunter2", "code": "x"}
    )
    text = as_text(Message(7, "ticket", told))
    assert "hunter2" not in text
    assert json.loads(text)["data"]["data"] == {"code": "x"}
