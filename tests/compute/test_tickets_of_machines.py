"""Workers of other machines do tickets, too: they reach the API under TLS, and know it by the head's certificate."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster_ai.compute.tickets.line import ApiAway, Head, Line
from cluster_ai.compute.tickets.transport import SchedulerTickets
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.pki.contexts import client_context, server_context
from tests.compute.parts import PATIENCE
from tests.compute.small_api import SmallApi, small_api
from tests.compute.test_tls import HEAD, Lan
from tests.waiting import until

pytestmark = pytest.mark.real


@dataclass
class Home:
    lan: Lan
    api: SmallApi


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    lan = Lan(tmp_path_factory.mktemp("lan"))
    with small_api(host=HEAD, tls=server_context(lan.head.folder)) as api:
        lan.dask.env = {
            "CLUSTER_AI_HOME": str(lan.dask.scratch / "home"),
            "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
            "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE"]',
        }
        try:
            lan.dask.start_scheduler()
            # The first address is one at which nobody listens: the next one is tried.
            lan.start_machine(api=[f"https://{HEAD}:1", api.url])
            until(
                lambda: "worker runs" in lan.dask.new_log("mouse-0"), seconds=PATIENCE, what="the machine's worker runs"
            )
            yield Home(lan, api)
        finally:
            lan.dask.stop()


def test_a_machines_worker_begins_and_reports_with_its_own_certificate(home: Home) -> None:
    home.api.orders["t"] = {
        "ticket_id": "t", "attempt": 1, "kind": "EXECUTE", "key": "t",
        "parameters": {"argv": ["/bin/echo", "from afar"], "trusted": True},
    }  # fmt: skip

    async def submit() -> None:
        errand = Errand(ticket_id="t", attempt=1, token="tok", worker="mouse-0")
        async with SchedulerTickets(home.lan.dask.address) as desk:
            assert not (await desk.submit([errand])).refused

    asyncio.run(submit())
    home.api.wait("t", "complete", seconds=60)
    assert home.api.body("t", "start")["worker"] == "mouse-0"
    assert {int(serial, 16) for serial in home.api.shown} == {int(home.lan.signed.serial, 16)}


def test_what_is_no_head_is_told_nothing(home: Home) -> None:
    """Another machine's certificate is of the same cluster, and is not the head's."""
    other, _ = home.lan.members.node(2)
    with small_api(host="127.0.0.4", tls=server_context(other.folder)) as false_head:
        line = Line(Head((false_head.url,), client_context(home.lan.node.folder)), seconds=5)
        with pytest.raises(ApiAway, match="certificate"):
            line.post("/api/v1/work/t/start", {}, "secret token")
        line.close()
        assert not false_head.said
