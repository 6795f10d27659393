"""When a delivery is tried again: never early, never in step, never for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cluster_ai.core.events import Event
from cluster_ai.notify.forms import LARGEST_BODY, body_of
from cluster_ai.notify.patterns import matches
from cluster_ai.notify.retrying import DELAYS, LONGEST_WAIT, Health, health_of, next_of, retry_after_of
from cluster_ai.notify.types import Answer, DeliveryState

NOW = 1_800_000_000.0
statuses = some.one_of(some.none(), some.integers(min_value=100, max_value=599))
draws = some.floats(min_value=0, max_value=1, exclude_max=True)


@given(
    attempts=some.integers(min_value=1, max_value=20),
    status=statuses,
    asked=some.one_of(some.none(), some.floats(min_value=0, max_value=1e9)),
    draw=draws,
)
def test_every_attempt_ends_in_one_state_and_retries_lie_in_their_bounds(
    attempts: int, status: int | None, asked: float | None, draw: float
) -> None:
    answer = Answer(status=status, retry_after=asked)
    then = next_of(attempts, answer, now=NOW, draw=lambda: draw)
    assert (then.at is None) == then.state.ended
    if status is not None and 200 <= status < 300:
        assert then.state is DeliveryState.SENT
    elif status == 410 or attempts >= 7:
        assert then.state is DeliveryState.DEAD
    else:
        assert then.state is DeliveryState.RETRYING
        assert then.at is not None
        base, wait = DELAYS[attempts - 1], then.at - NOW
        assert base * 0.8 - 1e-3 <= wait <= max(base * 1.2, LONGEST_WAIT) + 1e-3
        if status in {429, 503} and asked is not None:
            assert wait >= min(asked, LONGEST_WAIT) - 1e-3
        else:
            assert wait <= base * 1.2 + 1e-3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 08:01:00 -0000", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Fri, 99 Jan 2027 08:01:00 GMT", None),
    ],
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    assert retry_after_of(text, now=NOW) == seconds


@given(some.text(max_size=60))
def test_no_retry_after_breaks_anything(text: str) -> None:
    found = retry_after_of(text, now=NOW)
    assert found is None or found >= 0


def test_clock_that_was_set_back_disables_nobody() -> None:
    later = Health(failing_since=NOW + 86_400)
    after = health_of(later, Answer(status=500), now=NOW, patience=3 * 86_400)
    assert after == Health(failing_since=NOW)


@pytest.mark.parametrize(
    ("pattern", "kind", "fits"),
    [
        ("*", "anything.at.all", True),
        ("ticket.*", "ticket.failed", True),
        ("slo.*", "slo.freeze.activated", True),
        ("slo.freeze.*", "slo.freeze.activated", True),
        ("slo.freeze.*", "slo.freezer", False),
        ("ticket.*", "ticketing.failed", False),
        ("ticket.*", "ticket", False),
        ("ticket.failed", "ticket.failed", True),
        ("ticket.failed", "ticket.failed.badly", False),
    ],
)
def test_patterns(pattern: str, kind: str, fits: bool) -> None:
    assert matches([pattern], kind) is fits
    assert matches(["plan.completed", pattern], kind) is fits


def test_event_beyond_all_measure_is_told_without_its_data() -> None:
    body = body_of(Event("e1", "ticket.failed", "t1", {"text": "x" * LARGEST_BODY}, 1.0))
    assert body == '{"id":"e1","type":"ticket.failed","subject":"t1","at":1.0,"data":{},"truncated":true}'
