"""Which head leads is told by the API, the metrics and the bus; what one head does for all goes by it."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.events import Event
from cluster_ai.election.types import CHANGED
from tests.backend.running import Api, running_api
from tests.waiting import until


def said(api: Api) -> dict[str, Any]:
    with api.local() as client:
        found: dict[str, Any] = client.get("/api/v1/cluster").json()
    return found


def metric(api: Api, name: str) -> float:
    with api.local() as client:
        found = re.search(rf"^{name} ([0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


def test_the_only_head_says_that_it_leads(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        term = said(api)
        assert (term["mode"], term["leads"], term["epoch"], term["refused"]) == ("solo", True, 1, 0)
        assert term["holder"] == term["head"]
        assert metric(api, "cluster_ai_leader") == 1
        assert metric(api, "cluster_ai_leader_epoch") == 1
        with api.local() as client:
            client.headers.pop("authorization", None)
            assert client.get("/api/v1/cluster").status_code == 401


@pytest.mark.real
def test_the_other_head_follows_and_leads_when_the_first_has_stopped(postgres_url: str, tmp_path: Path) -> None:
    with ExitStack() as life_of_first:
        first = life_of_first.enter_context(running_api(tmp_path / "one", url=postgres_url))
        assert said(first)["mode"] == "postgres"
        with running_api(tmp_path / "two", url=postgres_url) as second:
            term = said(second)
            assert (term["leads"], term["epoch"]) == (False, 1)
            assert term["holder"] == said(first)["head"] != term["head"]
            assert (metric(first, "cluster_ai_leader"), metric(second, "cluster_ai_leader")) == (1, 0)
            life_of_first.close()
            until(lambda: said(second)["leads"], seconds=15, what="the second leads")
            heard = [one.data for one in second.plane.bus._recent if isinstance(one.data, Event)]
            assert [one.subject for one in heard if one.type == CHANGED] == [term["head"]]
            assert metric(second, "cluster_ai_leader_epoch") == 2
