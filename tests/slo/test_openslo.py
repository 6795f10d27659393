"""Objectives as OpenSLO documents, and from alert rules."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.slo import openslo
from cluster_ai.slo.alert_rules import take
from cluster_ai.slo.checking import check, warnings
from cluster_ai.slo.types import Budgeting, FreezePolicy, Measure, NewPolicy, Objective, SliQuery, SloType, Source

DOCUMENT = """
apiVersion: openslo/v1
kind: SLI
metadata: {name: chat-sli}
spec:
  ratioMetric:
    counter: true
    good:  {metricSource: {type: Prometheus, spec: {query: 'sum(increase(ok_total[$window]))'}}}
    total: {metricSource: {type: Prometheus, spec: {query: 'sum(increase(all_total[$window]))'}}}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: chat}
spec: {description: Chat}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: chat, displayName: Chat answers}
spec:
  service: chat
  indicatorRef: chat-sli
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{targetPercent: 99.5}]
---
apiVersion: cluster-ai/v1
kind: FreezePolicy
metadata: {name: no-pulls}
spec: {name: No pulls, scope: SERVICE, target: chat, actions: [BLOCK_PULL], trigger_below: 0.1, release_above: 0.3}
"""


def test_a_document_is_read() -> None:
    found = openslo.read(DOCUMENT)
    assert found.left_out == ("Service chat",)
    [objective], [policy] = found.objectives, found.policies
    assert (objective.slo_id, objective.name, objective.service_name) == ("chat", "Chat answers", "chat")
    assert (objective.target, objective.window_days, objective.slo_type) == (0.995, 28, SloType.CUSTOM)
    assert objective.sli_query.good == "sum(increase(ok_total[$window]))"
    check(objective)
    assert (policy.policy_id, policy.release_above) == ("no-pulls", 0.3)


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,30}", fullmatch=True)
LABELS = st.from_regex(r"([A-Za-z0-9][A-Za-z0-9._:@/-]{0,20})?", fullmatch=True)


@st.composite
def objectives(draw: st.DrawFn) -> Objective:
    kind = draw(st.sampled_from(list(SloType)))
    budgeting = draw(st.sampled_from(list(Budgeting)))
    query = SliQuery(source=draw(st.sampled_from([Source.GATEWAY, Source.API])), model=draw(LABELS), node=draw(LABELS))
    if kind is SloType.LATENCY:
        seconds, measure = draw(st.floats(0.001, 600)), draw(st.sampled_from(list(Measure)))
        query = SliQuery(threshold_seconds=seconds, measure=measure)
    if kind is SloType.CUSTOM:
        text = draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
        query = SliQuery(source=Source.PROMETHEUS, bad=f"a[$window] # {text}", valid="b[$window]")
    return Objective(
        name=draw(NAMES),
        slo_type=kind,
        service_name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,20}", fullmatch=True)),
        layer=draw(LABELS),
        target=draw(st.floats(0.0001, 0.9999)),
        window_days=draw(st.integers(1, 90)),
        budgeting=budgeting,
        slice_target=draw(st.floats(0.1, 1)) if budgeting is Budgeting.TIMESLICES else None,
        sli_query=query,
        min_bad_events=draw(st.integers(1, 100)),
        enabled=draw(st.booleans()),
    )


@settings(max_examples=200, deadline=None)
@given(objectives())
def test_what_is_written_is_read_again(objective: Objective) -> None:
    rule = FreezePolicy.model_validate(
        {"name": "p", "scope": "GLOBAL", "actions": ["BLOCK_DEPLOY"], "exemptions": ["model:x*"]}
    )
    found = openslo.read(openslo.write({"one": objective}, {"rule": rule}))
    [one] = found.objectives
    assert Objective.model_validate(one.model_dump(exclude={"slo_id"})) == objective
    assert found.policies == (NewPolicy(policy_id="rule", **rule.model_dump()),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("targetPercent: 99.5", "target: 1.5"),
        ("objectives: [{targetPercent: 99.5}]", "objectives: []"),
        ("duration: 4w", "duration: 1M"),
        ("isRolling: true", "isRolling: false"),
        ("indicatorRef: chat-sli", "indicatorRef: other"),
        ("budgetingMethod: Occurrences", "budgetingMethod: Whatever"),
        ("kind: SLO\n", "kind: SLA\n"),
        ("openslo/v1\nkind: SLO\n", "openslo/v2\nkind: SLO\n"),
        ("release_above: 0.3", "release_above: 0.05"),
        ("metadata: {name: chat, ", "metadata: {name: 'Chat!', "),
        ("kind: Service", "kind: SLO"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(old: str, new: str) -> None:
    assert old in DOCUMENT
    with pytest.raises(InvalidInput) as refused:
        openslo.read(DOCUMENT.replace(old, new))
    assert refused.value.path


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        "- x\n",
        "42",
        "a: &x [1]\nb: *x\n",
        "!!python/object/apply:os.system ['true']",
        "a: 2026-02-31",
        "{" * 5000,
        "x" * 600_000,
        "a: b: c",
        "\x00",
    ],
    ids=lambda text: repr(text)[:20],
)
def test_text_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        openslo.read(text)


# -- traps


def test_an_alert_that_cannot_fire_is_told() -> None:
    [told] = warnings(Objective(name="x", target=0.9))
    assert "14.4" in told
    assert "never" in told
    assert warnings(Objective(name="x", target=0.95)) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"slo_type": "LATENCY"},
        {"sli_query": {"threshold_seconds": 1.0}},
        {"slo_type": "CUSTOM"},
        {"sli_query": {"source": "prometheus", "good": "a[$window]", "valid": "b[$window]"}},
        {"slo_type": "CUSTOM", "sli_query": {"source": "prometheus", "good": "a[5m]", "valid": "b[$window]"}},
        {"slo_type": "CUSTOM", "sli_query": {"source": "prometheus", "valid": "b[$window]"}},
        {"budgeting": "Timeslices"},
        {"slice_target": 0.5},
        {"slo_type": "LATENCY", "sli_query": {"source": "nodes", "threshold_seconds": 1.0}},
        {
            "window_days": 1,
            "alert_windows": [{"severity": "page", "budget": 0.1, "long_seconds": 172800, "short_seconds": 3600}],
        },
    ],
)
def test_objectives_that_contradict_themselves_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        check(Objective.model_validate({"name": "x", "target": 0.9, **fields}))


# -- alert rules

RULES = """
groups:
- name: web
  rules:
  - alert: HighErrorRate
    expr: sum(rate(http_requests_total{code=~"5..", path="/a>b"}[5m])) / sum(rate(http_requests_total[5m])) > 0.01
    labels: {service: shop}
  - alert: LowSuccess
    expr: (sum(rate(ok_total[1h])) / sum(rate(all_total[1h]))) < 0.995
  - alert: Down
    expr: up == 0
  - alert: Queue
    expr: queue_length > 100
  - record: x
    expr: vector(1)
"""


def test_alert_rules_become_objectives() -> None:
    found = take(RULES, service="web")
    one, other = found.objectives
    assert (one.slo_id, one.service_name, one.target) == ("high-error-rate", "shop", 0.99)
    assert one.sli_query.bad == 'sum(increase(http_requests_total{code=~"5..", path="/a>b"}[$window]))'
    assert (other.slo_id, other.service_name, other.target) == ("low-success", "web", 0.995)
    assert (other.sli_query.good, other.sli_query.valid) == (
        "sum(increase(ok_total[$window]))",
        "sum(increase(all_total[$window]))",
    )
    for objective in found.objectives:
        check(objective)
    assert set(found.left_out) == {"Down", "Queue"}


@pytest.mark.parametrize("text", ["a: 1", "groups: 3", "[]", "groups: [[1]]\n---\ngroups: []"])
def test_what_is_no_file_of_rules_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        take(text, service="x")


def test_exported_yaml_is_plain() -> None:
    text = openslo.write({"a": Objective(name="A", target=0.9)})
    assert yaml.safe_load(text)["kind"] == "SLO"
    assert "&" not in text
    assert "!!" not in text
