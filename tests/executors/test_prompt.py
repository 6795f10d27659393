"""Which failures are asked again, and how long that takes."""

from dataclasses import dataclass, field
from email.utils import formatdate

import pytest

from cluster_ai.executors.prompt import Ask, Clocks, Outcome, Reply, ask, backoff, new_client, retry_after
from tests.compute.model_server import serving


@dataclass
class Slept:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    @property
    def clocks(self) -> Clocks:
        return Clocks(now=lambda: self.now, sleep=self.sleep, wall=lambda: self.now)


def request(gateway: str, prompt: str = "hello", **more: object) -> Ask:
    return Ask(gateway=gateway, model="smollm2:135m", prompt=prompt, **more)


def asked(wanted: Ask, clocks: Clocks | None = None) -> Reply:
    with new_client() as client:
        return ask(wanted, client, clocks=clocks)


def test_answer_carries_the_node() -> None:
    with serving() as (url, plan):
        reply = asked(request(url))
    assert (reply.outcome, reply.text, reply.node) == (Outcome.ANSWERED, "HELLO", "node-1")
    assert plan.asked == {"hello": 1}


def test_busy_gateway_is_asked_again() -> None:
    slept = Slept()
    with serving(busy_first=3) as (url, plan):
        reply = asked(request(url), clocks=slept.clocks)
    assert reply.outcome is Outcome.ANSWERED
    assert plan.asked["hello"] == 4
    assert slept.pauses == [0.25, 0.5, 1.0]


def test_bad_prompt_is_asked_once() -> None:
    with serving(refused="hello") as (url, plan):
        reply = asked(request(url), clocks=Slept().clocks)
    assert reply.outcome is Outcome.REFUSED
    assert reply.text == "400: not like this"
    assert plan.asked["hello"] == 1


def test_nobody_there() -> None:
    with serving() as (url, _):
        pass
    slept = Slept()
    reply = asked(request(url), clocks=slept.clocks)
    assert reply.outcome is Outcome.AWAY
    assert "ConnectError" in reply.text
    assert len(slept.pauses) == 4


def test_time_limit_holds_with_all_tries() -> None:
    slept = Slept()
    with serving(down=True) as (url, _):
        reply = asked(request(url, seconds=1.0, tries=50), clocks=slept.clocks)
    assert reply.outcome is Outcome.AWAY
    assert sum(slept.pauses) < 1.0


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving() as (url, _):
        assert asked(request(url), clocks=Slept().clocks).outcome is Outcome.ANSWERED


def test_backoff_grows_to_a_limit() -> None:
    assert [backoff(tried) for tried in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert backoff(40) == 30.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("3", 3),
        ("86400", 30),
        ("soon", 0),
        ("-5", 0),
        (formatdate(1010, usegmt=True), 10),
        (formatdate(900, usegmt=True), 0),
    ],
)
def test_retry_after(value: str | None, seconds: float) -> None:
    assert retry_after(value, now=1000.0) == seconds
