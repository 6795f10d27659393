"""Two gateway processes on one socket: the loss or restart of one is no loss to the other."""

import asyncio
import os
import signal
import urllib.request

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from backend.gateways import Gateways
from backend.sources import HttpGateway
from cluster_ai.gateway.types import GatewayView
from tests.gateway.restart.clients import ask, client, spread
from tests.gateway.restart.conftest import Open, Stage
from tests.waiting import until

pytestmark = [pytest.mark.real]
NAMES = ("gateway-0", "gateway-1")


def all_of(stage: Stage) -> GatewayView:
    """The account that the API reads."""
    token = stage.home.internal_secret()

    async def look() -> GatewayView:
        async with aiohttp.ClientSession() as session:
            front = HttpGateway(session, url=stage.url, token=token)
            return await Gateways(front, run=stage.home.run, token=token).view()

    return asyncio.run(look())


def figures(stage: Stage) -> list[Sample]:
    """What Prometheus reads on the port, from whichever process answers."""
    with urllib.request.urlopen(f"{stage.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def test_both_take_calls_and_their_accounts_are_one(stage: Open) -> None:
    gateway = stage(processes=2)
    assert tuple(part.name for part in gateway.parts()) == NAMES

    async def run() -> set[int]:
        async with client() as session:
            streams = await spread(session, gateway.url, count=20, seconds=0.2, tokens=60)
            await asyncio.sleep(0.5)
            seen = await asyncio.to_thread(all_of, gateway)
            assert all(one.is_whole for one in await asyncio.gather(*streams))
            at_nodes = sum(row.inflight for row in seen.upstreams) + sum(seen.waiting.values())
            return {seen.inflight, at_nodes, seen.totals.requests}

    assert asyncio.run(run()) == {20}
    until(lambda: all_of(gateway).inflight == 0, what="all over")
    calls = [sample for sample in figures(gateway) if sample.name == "cluster_ai_gateway_calls_total"]
    assert sorted(sample.labels["process"] for sample in calls) == list(NAMES)
    assert sum(sample.value for sample in calls) == 20
    assert sum(row.served for row in all_of(gateway).upstreams) == 20


def test_a_killed_process_breaks_its_own_streams_alone(stage: Open) -> None:
    gateway = stage(processes=2)
    first, second = map(gateway.pid, NAMES)

    async def run() -> tuple[list[bool], list[int]]:
        async with client() as session:
            streams = await spread(session, gateway.url, count=40, seconds=0.5, tokens=80)
            os.kill(first, signal.SIGKILL)
            statuses = await asyncio.gather(*(ask(session, gateway.url) for _ in range(20)))
            return [one.is_whole for one in await asyncio.gather(*streams)], statuses

    whole, statuses = asyncio.run(run())
    assert set(statuses) == {200}
    assert any(whole), "the other process has gone on"
    assert not all(whole), "the killed one had some"
    gateway.wait_ready()
    assert gateway.pid(NAMES[1]) == second


def test_all_are_restarted_under_one_name_without_a_loss(stage: Open) -> None:
    gateway = stage(processes=2)
    before = [gateway.pid(name) for name in NAMES]

    async def run() -> list[bool]:
        async with client() as session:
            streams = await spread(session, gateway.url, count=30, seconds=0.5, tokens=80)
            await gateway.control.restart("gateway")
            streams += await spread(session, gateway.url, count=60, seconds=5, tokens=20)
            return [one.is_whole for one in await asyncio.gather(*streams)]

    assert all(asyncio.run(run()))
    until(lambda: not set(before) & {gateway.pid(name) for name in NAMES}, seconds=30, what="both were replaced")
    gateway.wait_ready()
