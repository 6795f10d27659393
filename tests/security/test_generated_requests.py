"""Requests made from the API's own description, good and bad: every answer is a described one, none is a 5xx."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from backend.doctor_room import Doctor
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.core.postgres import running_postgres
from tests.security.described import DESCRIBED

HEADERS = {"Authorization": f"Bearer {INTERNAL}"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
# A body that breaks the rules by being too large is refused for that, with 413.
CONFIG = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}}})
# A stream of events has no end to wait for, and Dask's dashboard is Dask's; both are tested in their own places.
schema = (
    schemathesis.openapi.from_dict(DESCRIBED, config=CONFIG)
    .exclude(path=["/api/v1/events", "/api/v1/logs/tail", "/api/v1/registry/watch"])
    .exclude(path_regex="^/dask")
)
operations = {found.ok().label: found.ok() for found in schema.get_all_operations()}
FEWEST, FEW, MANY = 2, 6, 60
T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Door:
    """The API, and connections to it that are kept."""

    url: str
    session: requests.Session


@pytest.fixture(scope="module")
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with ExitStack() as stack:
        url = stack.enter_context(running_postgres()) if request.param == "postgresql" else None
        home = tmp_path_factory.mktemp("api") / "home"
        yield stack.enter_context(running_api(home, url=url, dispatching=True, doctor=quick_doctor()))


def quick_doctor() -> Doctor:
    """The real one takes seconds each time, and has tests of its own."""
    said = {"version": "1", "python": "3", "system": "x", "checks": [{"id": "a", "verdict": "ok", "evidence": "b"}]}
    return Doctor(os.environ, command=(sys.executable, "-I", "-S", "-c", f"print({json.dumps(said)!r})"))


@pytest.fixture(scope="module")
def door(api: Api) -> Iterator[Door]:
    with requests.Session() as session:
        # Or it looks for proxies in the environment with each request.
        session.trust_env = False
        yield Door(api.url, session)


# Their own way makes the requests while tests are collected, half a minute for everybody who collects any, and names
# all tests the same, so that those who run them on several processes run one of them.
def each(*databases: str) -> Callable[[T], T]:
    on = pytest.mark.parametrize("api", databases, indirect=True, scope="module")
    what = pytest.mark.parametrize("label", operations)
    # Apart, so that all requests meet one API: together each pair would start its own.
    return lambda test: on(what(test))


@each("sqlite")
def test_every_answer_is_a_described_one(label: str, door: Door) -> None:
    ask(label, door, examples=FEW)


@pytest.mark.real
@each("postgresql")
def test_so_is_it_on_postgresql(label: str, door: Door) -> None:
    """Drawn ones alone: what is wrong with a request in a known way is refused before any database is asked."""
    ask(label, door, examples=FEWEST, phases=(Phase.generate,))


@pytest.mark.slow
@each("sqlite", "postgresql")
def test_every_answer_to_many_more_is_a_described_one(label: str, door: Door) -> None:
    ask(label, door, examples=MANY)


def ask(label: str, door: Door, *, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    def asked(case: Case) -> None:
        case.call_and_validate(base_url=door.url, session=door.session, headers=HEADERS, checks=CHECKS, timeout=10)

    load_all_checks()
    build_operation_test(
        config=schema.config,
        operation=operations[label],
        test_func=asked,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=settings(
            max_examples=examples,
            phases=phases,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )()
