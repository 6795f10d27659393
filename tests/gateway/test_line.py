"""Who goes next: by class, evenly by sender, and nobody waits for ever."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.placing.line import AGING_SECONDS, Line, Ticket
from cluster_ai.keys.types import Priority

tickets = st.lists(
    st.builds(
        Ticket,
        priority=st.sampled_from(Priority),
        fair=st.sampled_from("abc"),
        cost=st.floats(1, 5000),
        since=st.floats(0, 100),
    ),
    max_size=30,
)


def ticket(fair: str = "a", *, priority: Priority = Priority.NORMAL, cost: float = 100.0, since: float = 0.0) -> Ticket:
    return Ticket(priority, fair, cost, since)


def served(line: Line, count: int, now: float = 0.0) -> list[Ticket]:
    """Those who are served one after the other."""
    told = []
    for _ in range(count):
        [first, *_] = line.first(now)
        line.served(first)
        told.append(first)
    return told


def filled(*rows: Ticket) -> Line:
    line = Line()
    for row in rows:
        line.join(row)
    return line


@given(given=tickets)
def test_everybody_is_served_once(given: list[Ticket]) -> None:
    assert sorted(map(id, served(filled(*given), len(given), now=200.0))) == sorted(map(id, given))


@given(given=tickets)
def test_first_is_whom_nobody_is_ahead_of(given: list[Ticket]) -> None:
    line = filled(*given)
    for place, row in enumerate(line.first(50.0)):
        assert line.ahead_of(row, 50.0) == place


def test_a_flood_of_one_sender_does_not_hold_up_another() -> None:
    line = filled(*(ticket("flood") for _ in range(100)))
    line.join(small := ticket("small"))
    assert small in served(line, 2)


def test_senders_share_by_what_they_cost() -> None:
    line = filled(*(ticket("large", cost=900) for _ in range(50)), *(ticket("small", cost=100) for _ in range(50)))
    first = Counter(row.fair for row in served(line, 40))
    assert 7 <= first["small"] / first["large"] <= 11


def test_interactive_calls_go_before_batches() -> None:
    rows = [ticket(priority=priority) for priority in reversed(Priority)]
    assert [row.priority for row in served(filled(*rows), 4)] == sorted(Priority)


def test_who_waits_long_enough_goes_before_a_newcomer_of_a_higher_class() -> None:
    old = ticket(priority=Priority.BACKGROUND, since=0.0)
    line = filled(old)
    now = 2 * AGING_SECONDS + 1
    for _ in range(5):
        line.join(ticket("b", priority=Priority.INTERACTIVE, since=now))
    assert line.first(now)[0] is old


def test_a_second_try_goes_first() -> None:
    again = ticket(priority=Priority.BATCH)
    again.again = True
    line = filled(ticket(priority=Priority.INTERACTIVE), again)
    assert line.first(0.0)[0] is again


def test_who_was_away_has_saved_nothing_up() -> None:
    line = filled(*(ticket("busy") for _ in range(20)))
    served(line, 10)
    for _ in range(10):
        line.join(ticket("back"))
    assert Counter(row.fair for row in served(line, 10))["back"] <= 6


def test_an_empty_line_remembers_nobody() -> None:
    line = filled(*(ticket(f"sender-{number}") for number in range(50)))
    served(line, 50)
    assert not line._tags
    assert line.last(0.0) is None
