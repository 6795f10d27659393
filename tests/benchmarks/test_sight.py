"""What was seen of a cluster is told in seconds from the fault and from its mending."""

import time

from benchmarks.rig.sight import Seen, Sight
from tests.waiting import until


def seen(*changes: tuple[float, str]) -> Seen:
    found = Seen()
    for at, names in changes:
        found.add(at, frozenset(names))
    return found


def test_what_never_changed_was_never_missed_and_is_back_at_once() -> None:
    always = seen((1.0, "ab"), (2.0, "ab"))
    assert len(always.changes) == 1
    assert always.missed("a", 5.0) is None
    assert always.back("a", 5.0) == 0.0


def test_it_is_back_when_it_came_to_stay() -> None:
    flapping = seen((1.0, "ab"), (6.0, "b"), (8.0, "ab"), (9.0, "b"), (12.0, "ab"))
    assert flapping.missed("a", 5.0) == 1.0
    assert flapping.back("a", 10.0) == 2.0
    assert flapping.back("b", 10.0) == 0.0


def test_what_is_not_there_at_the_end_is_not_back() -> None:
    assert seen((1.0, "ab"), (6.0, "b")).back("a", 5.0) is None
    assert seen().back("a", 5.0) is None


def test_who_does_not_answer_changes_nothing() -> None:
    answers = iter([frozenset("a"), OSError(), frozenset("b")])

    def look() -> frozenset[str]:
        answer = next(answers, frozenset("b"))
        if isinstance(answer, OSError):
            raise answer
        return answer

    with Sight({"it": look}, pause=0.01) as sight:
        until(lambda: len(sight.seen["it"].changes) == 2, what="both were seen")
    first, second = (names for _, names in sight.seen["it"].changes)
    assert (first, second) == (frozenset("a"), frozenset("b"))
    assert time.monotonic() >= sight.seen["it"].changes[1][0]
