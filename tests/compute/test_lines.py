"""Which line is asked next, and when a job gives up."""

from cluster_ai.compute.jobs.lines import Line, Todo, Verdict, lines_of
from cluster_ai.executors.prompt import Outcome

A, B, C = Line(0, "a"), Line(1, "b"), Line(2, "c")


def test_blank_lines_are_passed_over_and_keep_their_numbers() -> None:
    assert lines_of("a\n\n  \nb\r\nc\x0bd\n") == [Line(0, "a"), Line(3, "b"), Line(4, "c\x0bd")]
    assert lines_of("") == []


def test_lines_come_in_order_and_a_returned_one_is_next() -> None:
    todo = Todo([A, B], patience=10, now=0)
    first = todo.take()
    assert first == A
    todo.give_back(first)
    assert [todo.take(), todo.take(), todo.take()] == [A, B, None]


def todo_with(*lines: Line, patience: float = 10) -> Todo:
    """A list whose lines were all taken."""
    todo = Todo(lines, patience=patience, now=0)
    for line in lines:
        assert todo.take() == line
    return todo


def test_answers_and_refusals_are_written_down() -> None:
    todo = todo_with(A, B)
    assert todo.settle(A, Outcome.ANSWERED, 1) is Verdict.ANSWER
    assert todo.settle(B, Outcome.REFUSED, 1) is Verdict.FAILURE
    assert not todo.unfinished


def test_unanswered_line_comes_again_after_the_others() -> None:
    todo = Todo([A, B], patience=10, now=0)
    assert todo.settle(todo.take(), Outcome.AWAY, 1) is Verdict.AGAIN
    assert [todo.take(), todo.take()] == [B, A]


def test_line_fails_only_when_others_were_answered_meanwhile() -> None:
    todo = todo_with(A, B, patience=1000)
    for now in range(5):
        assert todo.settle(A, Outcome.AWAY, now) is Verdict.AGAIN, "an outage is no fault of the line"
        assert todo.take() == A
    todo.settle(B, Outcome.ANSWERED, 6)
    assert todo.settle(A, Outcome.AWAY, 7) is Verdict.FAILURE


def test_last_line_is_at_fault_when_the_others_were_answered_while_it_was_asked() -> None:
    todo = todo_with(A, B)
    todo.settle(B, Outcome.ANSWERED, 1)
    verdicts = []
    for now in (2, 3, 4):
        verdicts.append(todo.settle(A, Outcome.AWAY, now))
        todo.take()
    assert verdicts == [Verdict.AGAIN, Verdict.AGAIN, Verdict.FAILURE]


def test_silence_beyond_patience_ends_the_job() -> None:
    todo = todo_with(A, B)
    assert todo.settle(A, Outcome.AWAY, 10) is Verdict.AGAIN
    assert todo.settle(B, Outcome.AWAY, 10.1) is Verdict.GIVE_UP
    assert todo.unfinished, "the line is not lost"


def test_any_word_from_the_gateway_renews_patience() -> None:
    todo = todo_with(A, B, C)
    todo.settle(A, Outcome.REFUSED, 9)
    assert todo.settle(B, Outcome.AWAY, 18) is Verdict.AGAIN
    todo.resume(40)
    assert todo.settle(C, Outcome.AWAY, 45) is Verdict.AGAIN
