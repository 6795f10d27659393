"""Requests made from the API's own description, good and bad: every answer is a described one, none is a 5xx."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
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

from backend.app import create_api
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.core.postgres import running_postgres

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
    schemathesis.openapi.from_dict(create_api().openapi(), config=CONFIG)
    .exclude(path=["/api/v1/events", "/api/v1/logs/tail", "/api/v1/registry/watch"])
    .exclude(path_regex="^/dask")
)
operations = {found.ok().label: found.ok() for found in schema.get_all_operations()}
FEW, MANY = 6, 60


@pytest.fixture(scope="module")
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with ExitStack() as stack:
        url = stack.enter_context(running_postgres()) if request.param == "postgresql" else None
        home = tmp_path_factory.mktemp("api") / "home"
        yield stack.enter_context(running_api(home, url=url, dispatching=True))


# Their own way makes the requests while tests are collected, half a minute for everybody who collects any, and names
# all tests the same, so that those who run them on several processes run one of them.
def each(*databases: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("api", "label"), [(one, label) for one in databases for label in operations], indirect=["api"]
    )


@each("sqlite")
def test_every_answer_is_a_described_one(label: str, api: Api) -> None:
    ask(label, api, examples=FEW)


@pytest.mark.real
@each("postgresql")
def test_so_is_it_on_postgresql(label: str, api: Api) -> None:
    """Drawn ones alone: what is wrong with a request in a known way is refused before any database is asked."""
    ask(label, api, examples=FEW, phases=(Phase.generate,))


@pytest.mark.slow
@each("sqlite", "postgresql")
def test_every_answer_to_many_more_is_a_described_one(label: str, api: Api) -> None:
    ask(label, api, examples=MANY)


def ask(label: str, api: Api, *, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    def asked(case: Case) -> None:
        case.call_and_validate(base_url=api.url, headers=HEADERS, checks=CHECKS, timeout=10)

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
