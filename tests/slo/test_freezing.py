"""When freezes begin and end, and what they cover: pure, against every order of things."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cluster_ai.core.consent import Action, Deed
from cluster_ai.slo.freezing import Seen, Standing, Step, counts, covers, follows, next_step
from cluster_ai.slo.types import FreezeAction, FreezePolicy, FreezeScope, Objective, Pace


def policy(**more: object) -> FreezePolicy:
    fields = {"name": "p", "scope": "SERVICE", "target": "gateway", "actions": ["BLOCK_PULL"]} | more
    return FreezePolicy.model_validate(fields)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 900), st.one_of(st.none(), st.floats(-2, 1))), min_size=1, max_size=60),
    st.floats(-1, 0.9),
    st.floats(0, 0.5),
    st.integers(0, 1800),
)
def test_it_never_ends_too_early_nor_between_the_thresholds(
    story: list[tuple[int, float | None]], below: float, gap: float, least: int
) -> None:
    rule = policy(trigger_below=below, release_above=min(1.0, below + gap), min_duration_s=least)
    now, since = 0.0, None
    for seconds, remaining in story:
        now += seconds
        step = next_step(rule, Seen(remaining), Standing(since), now=now)
        if step is Step.BEGIN:
            assert since is None
            assert remaining is not None
            assert remaining < below
            since = now
        elif step is Step.END:
            assert since is not None
            assert now - since >= least
            assert remaining is not None
            assert remaining >= rule.release_above
            since = None
        elif since is None:
            assert remaining is None or remaining >= below
        else:
            assert remaining is None or now - since < least or remaining < rule.release_above


def test_a_pace_begins_it_and_holds_it() -> None:
    rule = policy(trigger_pace="FAST", trigger_below=0.0, release_above=0.1, min_duration_s=0)
    assert next_step(rule, Seen(0.9, Pace.ELEVATED), Standing(), now=1) is Step.NOTHING
    assert next_step(rule, Seen(0.9, Pace.FAST), Standing(), now=1) is Step.BEGIN
    assert next_step(rule, Seen(0.9, Pace.CRITICAL), Standing(1.0), now=9) is Step.NOTHING
    assert next_step(rule, Seen(0.9, Pace.ELEVATED), Standing(1.0), now=9) is Step.END


def test_one_that_was_ended_by_hand_is_held_off() -> None:
    rule = policy(min_duration_s=0)
    assert next_step(rule, Seen(-1), Standing(None, held_off_until=100), now=99) is Step.NOTHING
    assert next_step(rule, Seen(-1), Standing(None, held_off_until=100), now=100) is Step.BEGIN
    assert next_step(policy(enabled=False), Seen(-1), Standing(), now=1) is Step.NOTHING


@pytest.mark.parametrize(
    "fields",
    [
        {"trigger_below": 0.5, "release_above": 0.4},
        {"scope": "GLOBAL"},
        {"target": ""},
        {"actions": []},
        {"actions": ["BLOCK_EVERYTHING"]},
        {"trigger_pace": "NORMAL"},
        {"min_duration_s": -1},
    ],
)
def test_policies_that_could_not_work_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy(**fields)


PULL = Deed(Action.PULL, "tiny:1b", {"service": "gateway", "model": "tiny:1b", "node": "n1"})


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({}, True),
        ({"actions": ["BLOCK_DEPLOY", "BLOCK_SCALE", "BLOCK_UPDATE", "ALERT_ONLY"]}, False),
        ({"actions": ["ALERT_ONLY"]}, False),
        ({"target": "compute"}, False),
        ({"scope": "GROUP", "target": "gpu"}, False),
        ({"scope": "GLOBAL", "target": ""}, True),
        ({"exemptions": ["model:tiny*"]}, False),
        ({"exemptions": ["node:n2", "subject:tiny:1b"]}, False),
        ({"exemptions": ["node:n2"]}, True),
    ],
)
def test_what_a_freeze_covers(fields: dict[str, object], covered: bool) -> None:
    assert covers(policy(**fields), PULL) is covered


def test_what_mends_is_never_covered() -> None:
    for action in Action:
        rule = policy(scope="GLOBAL", target="", actions=[one.value for one in FreezeAction])
        assert covers(rule, Deed(action, "x"))
        assert not covers(rule, Deed(action, "x", is_mending=True))


def test_a_group_is_any_label_of_the_deed() -> None:
    rule = policy(scope="GROUP", target="gpu", actions=["BLOCK_SCALE"])
    assert covers(rule, Deed(Action.SCALE, "m1", {"group": "big gpu"}))
    assert not covers(rule, Deed(Action.SCALE, "m1", {"group": "gpus"}))


def test_a_policy_follows_its_objectives() -> None:
    objective = Objective(name="x", target=0.9, service_name="gateway", layer="front")
    assert follows(policy(), objective)
    assert not follows(policy(target="api"), objective)
    assert follows(policy(scope="GROUP", target="front"), objective)
    assert follows(policy(scope="GLOBAL", target=""), objective)


def test_one_person_does_not_lift_a_freeze_of_the_whole_cluster() -> None:
    assert counts(requested_by="ada", approved_by="", scope=FreezeScope.SERVICE)
    assert not counts(requested_by="ada", approved_by="", scope=FreezeScope.GLOBAL)
    assert not counts(requested_by="ada", approved_by="ada", scope=FreezeScope.GLOBAL)
    assert counts(requested_by="ada", approved_by="bob", scope=FreezeScope.GLOBAL)
