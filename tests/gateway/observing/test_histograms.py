"""What a scrape tells of calls that are over, and that strangers cannot make it grow."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cluster_ai.gateway.served import Outcome
from cluster_ai.gateway.watching.traffic import MOST_MODELS, Traffic
from tests.gateway.observing.calls import served

ON_N1 = {"model": "smollm2:135m", "node": "n1"}


def scraped(traffic: Traffic) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(traffic)
    assert list(text_string_to_metric_families(generate_latest(registry).decode())), "Prometheus can read it"
    return registry


def test_each_time_has_its_histogram() -> None:
    traffic = Traffic()
    traffic.observe(served(load_seconds=3.0))
    traffic.observe(served(ttft_seconds=0.06, gaps=[]))
    registry = scraped(traffic)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"cluster_ai_gateway_{name}", ON_N1 | labels)

    assert value("ttft_seconds_count") == 2
    assert value("ttft_seconds_sum") == 0.36
    assert value("ttft_seconds_bucket", le="0.05") == 0
    assert value("ttft_seconds_bucket", le="0.1") == 1
    assert value("ttft_seconds_bucket", le="0.5") == 2
    assert value("ttft_seconds_bucket", le="+Inf") == 2
    assert value("queue_seconds_sum") == 0.04
    assert value("call_seconds_count") == 2
    assert value("load_seconds_count") == 1, "a call that waited for no load does not count"
    assert value("inter_token_seconds_count") == 11
    assert value("tokens_total", kind="prompt") == 60
    assert value("tokens_total", kind="output") == 24


def test_a_value_on_a_bound_is_at_most_that_bound() -> None:
    traffic = Traffic()
    traffic.observe(served(ttft_seconds=0.5))
    bucket = "cluster_ai_gateway_ttft_seconds_bucket"
    assert scraped(traffic).get_sample_value(bucket, ON_N1 | {"le": "0.5"}) == 1
    assert scraped(traffic).get_sample_value(bucket, ON_N1 | {"le": "0.25"}) == 0


def test_outcomes_are_counted_by_code() -> None:
    traffic = Traffic()
    traffic.observe(served())
    traffic.observe(served(outcome=Outcome.REFUSED, status=503, code="no_node", node="", tried={"n1": "x", "n2": "y"}))
    traffic.observe(served(outcome=Outcome.BROKEN, code="upstream_lost", resumed=2))
    registry = scraped(traffic)

    def count(outcome: str, code: str, node: str) -> float | None:
        labels = {"outcome": outcome, "code": code, "node": node}
        return registry.get_sample_value("cluster_ai_gateway_outcomes_total", labels)

    assert count("done", "", "n1") == 1
    assert count("refused", "no_node", "") == 1
    assert count("broken", "upstream_lost", "n1") == 1
    assert registry.get_sample_value("cluster_ai_gateway_failed_attempts_total", {"node": "n2"}) == 1
    assert registry.get_sample_value("cluster_ai_gateway_resumed_total") == 2


def test_names_that_clients_make_up_are_no_series() -> None:
    traffic = Traffic()
    for number in range(1000):
        refused = served(model=f"made-up-{number}", answered_by="", node="", outcome=Outcome.REFUSED, status=404)
        traffic.observe(refused)
    text = generate_latest(scraped(traffic)).decode()
    assert "made-up" not in text
    assert 'model="other"' in text


def test_models_beyond_the_bound_are_counted_together() -> None:
    traffic = Traffic()
    for number in range(MOST_MODELS + 50):
        traffic.observe(served(answered_by=f"model-{number}"))
    registry = scraped(traffic)
    labels = {"node": "n1", "model": "other"}
    assert registry.get_sample_value("cluster_ai_gateway_call_seconds_count", labels) == 50
    first = {"node": "n1", "model": "model-0"}
    assert registry.get_sample_value("cluster_ai_gateway_call_seconds_count", first) == 1


def test_a_strange_name_cannot_break_the_format() -> None:
    traffic = Traffic()
    traffic.observe(served(answered_by='a"b\\c\nd{}', node="né"))
    labels = {"model": 'a"b\\c\nd{}', "node": "né"}
    assert scraped(traffic).get_sample_value("cluster_ai_gateway_call_seconds_count", labels) == 1
