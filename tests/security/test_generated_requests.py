"""Requests made from the API's own description, good and bad: every answer is a described one, none is a 5xx."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
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

pytestmark = pytest.mark.timeout(240)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
# A stream of events has no end to wait for; its queries are tested beside it.
schema = schemathesis.openapi.from_dict(create_api().openapi()).exclude(path="/api/v1/events")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home") as api:
        yield api


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_a_described_one(case: Case, api: Api) -> None:
    case.call_and_validate(base_url=api.url, headers={"Authorization": f"Bearer {INTERNAL}"}, checks=CHECKS, timeout=10)
