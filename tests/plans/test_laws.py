"""Laws of the pure parts: the machine, the graph, the score, the seals, the back-off."""

import itertools
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.plans import backoff, graph, hashing, machine, score, sla
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.types import ChainBroken, IllegalTransition, PlanCycle, Sla
from cluster_ai.plans.words import ENDED, Priority, RiskBand, TicketState

S = TicketState
EVENTS: tuple[machine.Event, ...] = (
    machine.Begun(),
    machine.Met(),
    machine.Leased("w", "secret", 130.0),
    machine.Started(130.0),
    machine.Finished("x"),
    machine.Failed("broken"),
    machine.Failed("broken", retryable=False),
    machine.Lost("gone"),
    machine.Returned(),
    machine.Due(),
    machine.NotStarted(),
    machine.Held("why"),
    machine.Released(),
    machine.CancelAsked(140.0),
    machine.Stopped(),
    machine.Skipped(),
    machine.UndoAsked(),
    machine.Revived(),
)
NEW = Ticket(ticket_id="t", plan_id="p", status=S.READY, ready_at=100.0, queued=1, priority_score=0.35)


def tickets() -> st.SearchStrategy[Ticket]:
    """A ticket somewhere in its life: only what events can make of one."""

    def lived(events: list[machine.Event], more: dict[str, Any]) -> Ticket:
        ticket = replace(NEW, **more)
        for number, event in enumerate(events):
            if machine.can(ticket, event):
                ticket = machine.apply(ticket, event, 100.0 + number)
        return ticket

    more = st.fixed_dictionaries(
        {"idempotent": st.booleans(), "undoable": st.booleans(), "sla_max_retries": st.integers(0, 3)},
        optional={"status": st.sampled_from([S.PENDING, S.WAITING, S.READY])},
    )
    return st.builds(lived, st.lists(st.sampled_from(EVENTS), max_size=40), more)


@given(tickets(), st.sampled_from(EVENTS))
def test_every_step_of_a_life_holds_the_laws(ticket: Ticket, event: machine.Event) -> None:
    try:
        after = machine.apply(ticket, event, 1000.0)
    except IllegalTransition:
        assert not machine.can(ticket, event)
        return
    assert after.attempt >= ticket.attempt, "the fence never goes back"
    assert (after.attempt > ticket.attempt) == isinstance(event, machine.Leased)
    has_lease = after.lease_token is not None
    assert has_lease == (after.status in (S.LEASED, S.RUNNING, S.CANCELLING)) or after.status is S.COMPENSATING
    assert (after.queued == 1) <= (after.status in (S.READY, S.COMPENSATING) and not has_lease)
    assert has_lease <= (after.due_at is not None), "nobody has a lease for ever"
    assert (after.not_before is not None) <= (after.due_at is not None), "nothing waits unseen"
    assert (after.status in ENDED) <= (after.completed_at is not None and after.due_at is None)
    assert after.retry_count <= after.sla_max_retries
    assert after.losses <= machine.MOST_LOSSES
    assert hashing.of_ticket(after) == hashing.of_ticket(ticket), "what was asked for never changes"
    assert machine.said(after, event)


@given(tickets())
def test_what_has_ended_only_comes_back_when_somebody_asks(ticket: Ticket) -> None:
    if not ticket.status.ended:
        return
    moving = [event for event in EVENTS if machine.can(ticket, event)]
    assert all(isinstance(event, machine.UndoAsked | machine.Revived) for event in moving)


@given(tickets())
def test_a_ticket_that_may_have_had_effects_is_not_begun_again_unless_that_does_no_harm(ticket: Ticket) -> None:
    for event in (machine.Lost("gone"), machine.Failed("broken")):
        if ticket.begun and not ticket.idempotent and machine.can(ticket, event):
            assert machine.apply(ticket, event, 1000.0).status in ENDED


Pairs = list[tuple[str, list[str]]]


@st.composite
def acyclic(draw: st.DrawFn) -> Pairs:
    """Tickets that depend on earlier ones only, in any order."""
    count = draw(st.integers(1, 25))
    needs = [
        (f"n{number}", [f"n{need}" for need in draw(st.sets(st.integers(0, number - 1), max_size=4))] if number else [])
        for number in range(count)
    ]
    return draw(st.permutations(needs))


@given(acyclic())
def test_nothing_stands_before_what_it_needs(pairs: Pairs) -> None:
    built = graph.build(pairs)
    at = {name: number for number, name in enumerate(built.order)}
    assert sorted(at) == sorted(name for name, _ in pairs)
    for name, needs in built.needs.items():
        for need in needs:
            assert at[need] < at[name]
            assert built.levels[need] < built.levels[name]
            assert name in built.feeds[need]


@given(acyclic())
def test_doing_what_is_ready_ends_with_all_of_it_done(pairs: Pairs) -> None:
    needs = graph.build(pairs).needs
    done: list[str] = []
    while ready := graph.ready(needs, done):
        done.append(ready[0])
    assert sorted(done) == sorted(needs)


@given(acyclic(), st.data())
def test_a_cycle_is_named_with_its_whole_way(pairs: Pairs, data: st.DataObject) -> None:
    built = graph.build(pairs)
    edges = [(name, need) for name, needs in built.needs.items() for need in needs]
    if not edges:
        return
    name, need = data.draw(st.sampled_from(edges))
    circular = [(one, [*needs, name] if one == need else needs) for one, needs in pairs]
    with pytest.raises(PlanCycle) as found:
        graph.build(circular)
    way = found.value.message.partition(": ")[2].split(" -> ")
    wanted = dict(circular)
    assert way[0] == way[-1]
    assert all(second in wanted[first] for first, second in itertools.pairwise(way))


@given(acyclic(), st.lists(st.integers(0, 100), min_size=25, max_size=25))
def test_no_way_takes_longer_than_the_critical_one(pairs: Pairs, lengths: list[int]) -> None:
    built = graph.build(pairs)
    takes = dict(zip(built.order, lengths, strict=False))
    path, total = graph.critical_path(built, takes)
    assert total == sum(takes[name] for name in path)
    assert all(first in built.needs[second] for first, second in itertools.pairwise(path))

    def longest(name: str) -> int:
        return takes[name] + max((longest(need) for need in built.needs[name]), default=0)

    assert total == max(longest(name) for name in built.order)


SECONDS = st.floats(0, 1e7, allow_nan=False)


@given(st.sampled_from(RiskBand), st.sampled_from(Priority), SECONDS, SECONDS, SECONDS)
def test_a_score_is_bounded_and_only_grows_while_a_ticket_waits(
    risk: RiskBand, priority: Priority, span: float, waited: float, longer: float
) -> None:
    ticket = replace(NEW, priority_score=score.rank(risk, priority), created_at=0.0, ready_at=0.0, sla_deadline=span)
    first = score.score(ticket, waited)
    assert 0.0 <= first <= score.MOST
    assert score.score(ticket, waited + longer) >= first - 1e-9


@given(st.sampled_from(RiskBand), st.sampled_from(Priority))
def test_nothing_waits_for_ever_behind_fresh_critical_tickets(risk: RiskBand, priority: Priority) -> None:
    terms = sla.terms(risk, Sla())
    old = replace(NEW, priority_score=score.rank(risk, priority), created_at=0.0, ready_at=0.0)
    old = replace(old, sla_deadline=terms.deadline(0.0))
    at = max(old.sla_deadline, score.AGEING_SECONDS)
    fresh = replace(
        NEW,
        priority_score=score.rank(RiskBand.CRITICAL, Priority.CRITICAL),
        created_at=at,
        ready_at=at,
        sla_deadline=sla.terms(RiskBand.CRITICAL, Sla()).deadline(at),
    )
    assert score.score(old, at) > score.score(fresh, at)


@pytest.mark.parametrize(
    ("band", "timeout", "retries", "deadline"),
    [("critical", 60, 5, 540), ("high", 120, 3, 720), ("medium", 300, 3, 1800), ("low", 900, 2, 4050)],
)
def test_terms_of_the_risk_bands(band: str, timeout: int, retries: int, deadline: float) -> None:
    terms = sla.terms(RiskBand(band), Sla())
    assert (terms.timeout_ms, terms.max_retries, terms.deadline(0.0)) == (timeout * 1000, retries, deadline)
    asked = sla.terms(RiskBand(band), Sla(timeout_ms=10, max_retries=0))
    assert (asked.timeout_ms, asked.max_retries) == (10, 0)


@given(st.integers(0, 100), st.integers())
def test_a_wait_lies_between_nothing_and_its_bound(tries: int, seed: int) -> None:
    wait = backoff.delay(tries, Random(seed))
    assert 0.0 <= wait <= min(300.0, 2.0 ** min(tries, 20))
    assert backoff.wanted(-5.0, tries, Random(seed)) == 0.0
    assert backoff.wanted(1e9, tries, Random(seed)) == backoff.MOST_ASKED_SECONDS


@settings(max_examples=50)
@given(st.integers(2, 12), st.data())
def test_no_link_of_a_chain_can_be_changed_moved_or_taken_out(length: int, data: st.DataObject) -> None:
    ticket = replace(NEW, hash=hashing.of_ticket(NEW))
    chain = []
    previous = ticket.hash
    for number in range(length):
        said = hashing.Said("moved", "ana", "a", "b", {"n": number}, float(number))
        chain.append(hashing.sealed(said, ticket_id="t", seq=number + 1, previous=previous))
        previous = chain[-1].hash
    ticket = replace(ticket, chain_seq=length, chain_head=previous)
    hashing.check(ticket, chain)
    at = data.draw(st.integers(0, length - 1))
    first, second = sorted((at, (at + 1) % length))
    swapped = list(chain)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    for wrong in (
        chain[:at] + chain[at + 1 :],
        [*chain[:at], replace(chain[at], actor="bob"), *chain[at + 1 :]],
        [*chain[:at], replace(chain[at], data={"n": -1}), *chain[at + 1 :]],
        swapped,
        [*chain, chain[-1]],
    ):
        with pytest.raises(ChainBroken):
            hashing.check(ticket, wrong)
    with pytest.raises(ChainBroken):
        hashing.check(replace(ticket, description="something else"), chain)


def test_the_seal_of_a_ticket_stays_what_it_was() -> None:
    golden = {
        1: "fdce89940cf2b6f1a6ee1686e5d21e9dab81ab529117dbdc9ad6141797c661d8",
        2: "00b187fed48c0486c6ae8aeee2ef0d6978fe095cad88d2c57cb8b759bcc082a4",
    }
    for version, seal in golden.items():
        sealed = hashing.of_ticket(replace(NEW, schema_version=version))
        assert sealed == seal, "tickets that are stored would not verify any more"
    assert hashing.of_ticket(replace(NEW, idempotent=False)) != hashing.of_ticket(NEW)


def test_what_is_given_back_has_spent_nothing() -> None:
    running = replace(NEW, idempotent=False, sla_max_retries=0)
    for event in (machine.Leased("w", "secret", 130.0), machine.Started(130.0)):
        running = machine.apply(running, event, 100.0)
    back = machine.apply(running, machine.Returned(), 101.0)
    assert (back.status, back.queued, back.retry_count, back.losses) == (S.READY, 1, 0, 0)
    asked = machine.apply(running, machine.CancelAsked(140.0), 101.0)
    assert machine.apply(asked, machine.Returned(), 102.0).status is S.CANCELLED
    for other in (NEW, replace(NEW, status=S.SUCCEEDED)):
        with pytest.raises(IllegalTransition):
            machine.apply(other, machine.Returned(), 101.0)
