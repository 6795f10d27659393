"""Each rule says what it has against a ticket, and the first of them has the say."""

from dataclasses import replace

import pytest

from cluster_ai.plans.asked import Asked, Bounds, Hand, Scene
from cluster_ai.plans.policy import RULES, Accept, Reject, Wait, judge

HAND = Hand("worker-0", capabilities=frozenset({"gpu"}), resources={"GPU": 1.0})
SCENE = Scene(100.0, hands=(HAND,), waiting=frozenset({"ann"}), places=4)
TICKET = Asked("t", "ann", "EXECUTE", plan_id="p")


def test_what_nothing_is_against_goes() -> None:
    assert judge(TICKET, SCENE) == Accept()


@pytest.mark.parametrize(
    ("ticket", "scene", "code"),
    [
        ({"approval": "pending"}, {}, "approval"),
        ({}, {"paused_kinds": frozenset({"EXECUTE"})}, "paused"),
        ({}, {"frozen": {"t": "chat burns its budget"}}, "frozen"),
        ({"seconds": 6.0}, {"bounds": Bounds(seconds_a_day=10), "spent": {"ann": 5.0}}, "budget"),
        ({}, {"bounds": Bounds(in_flight=2), "in_flight": {"ann": 2}}, "quota"),
        ({"capabilities": frozenset({"tpu"})}, {}, "no_worker"),
        ({"resources": {"GPU": 2.0}}, {}, "no_worker"),
        ({}, {"hands": ()}, "no_worker"),
        ({"needs_gateway": True}, {"hands": (replace(HAND, reaches_gateway=False),)}, "no_worker"),
        ({}, {"waiting": frozenset({"ann", "bob"}), "holding": {"ann": 2}}, "fairness"),
    ],
)
def test_it_waits(ticket: dict[str, object], scene: dict[str, object], code: str) -> None:
    verdict = judge(replace(TICKET, **ticket), replace(SCENE, **scene))  # type: ignore[arg-type]
    assert isinstance(verdict, Wait)
    assert verdict.code == code
    assert verdict.until > SCENE.now
    assert verdict.reason


@pytest.mark.parametrize(
    ("ticket", "scene", "code"),
    [
        ({"approval": "rejected"}, {}, "approval_rejected"),
        ({"end": 100.0}, {}, "deadline_passed"),
        ({"end": 110.0, "seconds": 11.0}, {}, "deadline_unreachable"),
        ({"seconds": 11.0}, {"bounds": Bounds(seconds_a_day=10)}, "over_budget"),
    ],
)
def test_it_fails(ticket: dict[str, object], scene: dict[str, object], code: str) -> None:
    verdict = judge(replace(TICKET, **ticket), replace(SCENE, **scene))  # type: ignore[arg-type]
    assert isinstance(verdict, Reject)
    assert verdict.code == code


def test_a_deadline_that_can_be_met_is_no_reason() -> None:
    assert judge(replace(TICKET, end=110.0, seconds=9.0, deadline=1.0), SCENE) == Accept()


def test_what_needs_a_person_is_said_before_what_passes_by_itself() -> None:
    verdict = judge(replace(TICKET, approval="pending"), replace(SCENE, hands=()))
    assert isinstance(verdict, Wait)
    assert verdict.code == "approval"


def test_every_rule_lets_an_ordinary_ticket_pass() -> None:
    assert all(rule(TICKET, SCENE) == Accept() for rule in RULES)
