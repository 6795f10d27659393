"""A ticket goes to the best worker that has what it asks for and room for it."""

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.plans.allocation import AHEAD, able, choose, free, with_one_more
from cluster_ai.plans.asked import Asked, Hand

PLAIN = Asked("t", "ann", "EXECUTE")


def test_the_registrys_best_machine_comes_first() -> None:
    hands = [Hand("a", score=0.4), Hand("b", score=0.9), Hand("c", score=0.7)]
    assert choose(PLAIN, hands) == hands[1]


def test_among_equals_the_idle_one_then_the_less_loaded_one() -> None:
    assert choose(PLAIN, [Hand("a", taken=1), Hand("b")]) == Hand("b")
    assert choose(PLAIN, [Hand("a", load=0.9), Hand("b", load=0.1)]) == Hand("b", load=0.1)


def test_labels_and_resources_are_all_needed() -> None:
    ticket = Asked("t", "ann", "TEST", capabilities=frozenset({"rack=2", "gpu"}), resources={"GPU": 1.0})
    assert not able(ticket, Hand("a", capabilities=frozenset({"gpu"}), resources={"GPU": 1.0}))
    assert not able(ticket, Hand("b", capabilities=frozenset({"gpu", "rack=2"})))
    assert able(ticket, Hand("c", capabilities=frozenset({"gpu", "rack=2", "x"}), resources={"GPU": 2.0}))


def test_slots_are_held_ahead_but_a_gpu_is_not() -> None:
    ticket = Asked("t", "ann", "TEST", resources={"GPU": 1.0, "VRAM": 4e9})
    hand = Hand("a", slots=4, resources={"GPU": 1.0, "VRAM": 8e9})
    assert free(ticket, hand)
    assert not free(ticket, with_one_more(hand, ticket))
    assert free(PLAIN, with_one_more(hand, ticket))


def test_a_worker_that_was_lost_with_it_is_taken_only_when_there_is_no_other() -> None:
    ticket = Asked("t", "ann", "EXECUTE", avoid=frozenset({"a"}))
    assert choose(ticket, [Hand("a", score=1.0), Hand("b", score=0.1)]) == Hand("b", score=0.1)
    assert choose(ticket, [Hand("a")]) == Hand("a")


def test_what_reads_files_of_other_tickets_goes_where_they_lie() -> None:
    ticket = Asked("t", "ann", "TEST", near=frozenset({"mouse"}))
    there, elsewhere = Hand("mouse-0", node="mouse", score=0.1), Hand("worker-0", score=1.0)
    assert choose(ticket, [elsewhere, there]) == there
    assert choose(ticket, [elsewhere]) is None
    # Files of two machines are nowhere together.
    assert not able(Asked("t", "ann", "TEST", near=frozenset({"mouse", "cat"})), there)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 60))
def test_no_worker_is_given_more_than_it_may_hold(workers: int, slots: int, tickets: int) -> None:
    hands = {f"w{number}": Hand(f"w{number}", slots=slots, score=number / 4) for number in range(workers)}
    placed = 0
    for number in range(tickets):
        ticket = Asked(str(number), "ann", "EXECUTE")
        found = choose(ticket, hands.values())
        if found is None:
            break
        hands[found.name] = with_one_more(found, ticket)
        placed += 1
    assert placed == min(tickets, workers * slots * AHEAD)
    assert all(hand.taken <= slots * AHEAD for hand in hands.values())
