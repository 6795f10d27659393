"""Errors of the gateway carry what sentences in other languages name, in each dialect."""

import json

import pytest

from backend.refusals import refusal, said_in
from cluster_ai.client.problems import problem
from cluster_ai.core.sentences import told
from cluster_ai.gateway.placing.place import Overloaded
from cluster_ai.keys.types import Limits
from cluster_ai.keys.windows import claims_of, reached
from tests.fakes.raw import MODEL
from tests.gateway.door import HI, Door

PATHS = ("/api/chat", "/v1/chat/completions", "/v1/messages")


@pytest.mark.real
@pytest.mark.parametrize("path", PATHS)
def test_values_stand_beside_the_code(door: Door, path: str) -> None:
    heard = door.ask(path, HI | {"model": "unknown:1b", "max_tokens": 5})
    said = json.loads(heard.body)
    error = said["error"] if isinstance(said["error"], dict) else said
    assert error["code"] == "model_not_found"
    values = said["values"]
    assert (values["about"], values["name"]) == ("named", "unknown:1b")
    assert MODEL in values["known"]
    again = refusal(heard.status, said_in(heard.body))
    assert told(again, "pt-BR").text == f"Nenhum nó do cluster tem o modelo unknown:1b. Há: {values['known']}."


@pytest.mark.real
@pytest.mark.parametrize("path", PATHS)
def test_what_has_no_values_says_nothing_of_them(door: Door, path: str) -> None:
    assert b"values" not in door.ask(path, b"no json").body


def test_a_gateways_own_code_is_kept_by_who_asks_it() -> None:
    values = {"about": "line", "model": "m", "waiting": "3", "seconds": "7"}
    body = json.dumps({"error": "m is overloaded", "code": Overloaded.code, "values": values}).encode()
    for error in (refusal(503, said_in(body)), problem(503, body, {})):
        assert error.code == "overloaded"
        assert told(error, "pt-BR").text.startswith("m está sobrecarregado: 3 chamadas esperam, a primeira há 7 s")


def test_a_limit_is_told_with_its_number_and_its_end() -> None:
    limits = Limits(requests_per_minute=2)
    (claim,) = claims_of(limits, tokens=0)
    words = told(reached(claim, at=30.0), "pt-BR").text
    assert "2 chamadas" in words
    assert "1970-01-01 00:01:00 UTC" in words
