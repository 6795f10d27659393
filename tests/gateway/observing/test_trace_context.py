"""The caller's trace context is kept; what is no context is not passed on."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.trace_context import child_context, passed_state, read_context
from tests.fakes.raw import hear
from tests.gateway.door import HI, Door, request

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_the_trace_goes_on_with_a_new_span() -> None:
    made = child_context(GIVEN, draw=lambda size: b"\x07" * size)
    assert made == f"00-{TRACE}-{'07' * 8}-01"
    assert child_context(GIVEN) != child_context(GIVEN)


def test_a_trace_that_is_not_recorded_stays_so() -> None:
    assert child_context(f"00-{TRACE}-{SPAN}-00").endswith("-00")
    context = read_context(f"00-{TRACE}-{SPAN}-00")
    assert context is not None
    assert not context.sampled


def test_a_later_version_is_read_by_what_is_known_of_it() -> None:
    made = child_context(f"cc-{TRACE}-{SPAN}-01-what-the-future-holds")
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", made)


def test_unknown_flags_are_not_passed_on() -> None:
    assert child_context(f"00-{TRACE}-{SPAN}-ff").endswith("-01")
    assert child_context(f"00-{TRACE}-{SPAN}-fe").endswith("-00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\r\nX-Evil: 1",
        f" {GIVEN}",
        f"{GIVEN}\n",
        "00-" + "٣" * 32 + f"-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 10_000}",
    ],
)
def test_what_is_no_context_is_dropped(text: str) -> None:
    assert read_context(text) is None
    assert child_context(text) == ""
    assert read_context(child_context(text, begin=True)) is not None


def test_ids_are_never_zero() -> None:
    made = read_context(child_context("", begin=True, draw=bytes))
    assert made is not None
    assert (made.trace, made.span) == (1, 1)


@given(st.text(max_size=80))
def test_any_text_gives_a_context_or_none(text: str) -> None:
    made = child_context(text)
    assert made == "" or read_context(made) is not None


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        ([], ""),
        ([""], ""),
        (["rojo=00f067aa0ba902b7"], "rojo=00f067aa0ba902b7"),
        (["congo=t61rcWkgMzE , rojo=1", "a@b=x y"], "congo=t61rcWkgMzE,rojo=1,a@b=x y"),
        (["a=1,,b=2,"], "a=1,b=2"),
        (["a=1", "no entry"], ""),
        (["a=1,B=2"], ""),
        (["a=b=c"], ""),
        (["a=\x01"], ""),
        (["a=é"], ""),
        ([f"{'a' * 256}={'b' * 256}"], f"{'a' * 256}={'b' * 256}"),
        ([f"{'a' * 257}=b"], ""),
        ([",".join(f"k{n}=v" for n in range(32))], ",".join(f"k{n}=v" for n in range(32))),
        ([",".join(f"k{n}=v" for n in range(33))], ""),
    ],
)
def test_what_others_keep_in_the_trace_is_passed_on_whole_or_not_at_all(rows: list[str], passed: str) -> None:
    assert passed_state(rows) == passed


@pytest.mark.real
@pytest.mark.parametrize(("parent", "passed"), [(GIVEN, "congo=t61,rojo=1"), ("junk", None), ("", None)])
def test_a_node_gets_the_state_of_a_trace_and_none_without_one(door: Door, parent: str, passed: str | None) -> None:
    asked = request("/api/chat", HI, traceparent=parent)
    head, _, body = asked.partition(b"\r\n\r\n")
    hear(door.port, head + b"\r\nTracestate: congo=t61\r\ntracestate: rojo=1\r\n\r\n" + body)
    (told,) = [log.headers for node in door.nodes for log in node.log() if log.path == "/api/chat"]
    assert {name.lower(): value for name, value in told.items()}.get("tracestate") == passed
