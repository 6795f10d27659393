"""What a key may do and which models it may use."""

import time

import pytest

from cluster_ai.keys.rights import demand_inference, demand_scope, may_use
from cluster_ai.keys.types import ANONYMOUS, INFERENCE, MANAGE, Caller, ModelNotAllowed, ScopeMissing


def caller(*models: str, scopes: frozenset[str] = frozenset({INFERENCE})) -> Caller:
    return Caller("id", "name", scopes, models)


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        ((), ("anything", "x/y:z", "é"), ()),
        (("llama3",), ("llama3", "llama3:latest"), ("llama3:8b", "llama3.1", "xllama3", "Llama3", "")),
        (("llama3:8b",), ("llama3:8b",), ("llama3", "llama3:8b-q4", "llama3:80b")),
        (("llama3:*",), ("llama3", "llama3:8b"), ("llama3.1:8b",)),
        (("llama3*",), ("llama3", "llama3.1:8b", "llama3:8b"), ("mllama3",)),
        (("*:8b",), ("a:8b", "me/b:8b"), ("a", "a:80b")),
        (("a?c",), ("abc", "a.c"), ("ac", "abbc", "abc:1b")),
        (("*",), ("a", "b:c", "x/y"), ()),
        (("a.b",), ("a.b",), ("axb",)),
        (("host.io:5000/me/m",), ("host.io:5000/me/m", "host.io:5000/me/m:latest"), ("m",)),
        (("a", "b:1"), ("a", "b:1"), ("c", "b", "a:1")),
    ],
)
def test_patterns(patterns: tuple[str, ...], allowed: tuple[str, ...], refused: tuple[str, ...]) -> None:
    for name in allowed:
        assert may_use(caller(*patterns), name), name
        demand_inference(caller(*patterns), name)
    for name in refused:
        assert not may_use(caller(*patterns), name), name
        with pytest.raises(ModelNotAllowed):
            demand_inference(caller(*patterns), name)


def test_many_stars_cost_no_time() -> None:
    began = time.perf_counter()
    assert not may_use(caller("*a" * 100 + "b"), "a" * 255 + ":c")
    assert time.perf_counter() - began < 10


def test_scopes() -> None:
    demand_scope(ANONYMOUS, MANAGE)
    demand_scope(caller(), INFERENCE)
    with pytest.raises(ScopeMissing, match="models:write"):
        demand_scope(caller(), MANAGE)
    with pytest.raises(ScopeMissing):
        demand_inference(caller(scopes=frozenset({MANAGE})), "a")
