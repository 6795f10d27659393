"""A trace through the gateway's own code: its pool, probes, desk, scorer, loads and relay, in virtual time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import aiohttp
import structlog

from benchmarks.simulator.loop import run
from benchmarks.simulator.nodes import Job, Node
from benchmarks.simulator.replay import Outcome, fresh
from benchmarks.simulator.trace import Call
from benchmarks.simulator.wire import Network, Session, Wire, body_of
from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.dialects.call import Sender, read_call
from cluster_ai.gateway.dialects.paths import RELAYED
from cluster_ai.gateway.means import Means
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.probes import Prober
from cluster_ai.gateway.placing.places import open_desk
from cluster_ai.gateway.relaying.attempt import Broken
from cluster_ai.gateway.relaying.relay import Relay
from cluster_ai.gateway.relaying.works import open_works
from cluster_ai.gateway.types import GatewaySettings, UpstreamSettings
from cluster_ai.gateway.wire.client import Wire as RealWire
from cluster_ai.gateway.wire.lan import Lan
from cluster_ai.keys.types import Priority


def settings_for(nodes: Sequence[Node], **more: Any) -> GatewaySettings:
    rows = tuple(UpstreamSettings(name=node.spec.name, url=f"http://{node.spec.name}") for node in nodes)
    return GatewaySettings(find_local_ollama=False, upstreams=rows, **more)


@asynccontextmanager
async def room(nodes: Sequence[Node], jobs: Sequence[Job], settings: GatewaySettings) -> AsyncIterator[Relay]:
    """The inside of a gateway over simulated nodes, put together as the real one is."""
    clock = asyncio.get_running_loop().time
    network = Network(nodes, {job.number: job for job in jobs})
    session, wire = cast("aiohttp.ClientSession", Session(network)), cast("RealWire", Wire(network))
    means = Means(settings, Pool(settings, embedded_url=None, clock=clock), wire, session, clock, Lan())
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(open_desk(means))
        works = await stack.enter_async_context(open_works(means, desk, ()))
        prober = Prober(means.pool, means.session, settings, clock=clock, changed=desk.look_again)
        await stack.enter_async_context(prober.watching())
        yield works.relay


async def ask(relay: Relay, call: Call, job: Job) -> str:
    """One call as a client makes it, who waits for the end. Answers what went wrong; nothing when nothing did."""
    await asyncio.sleep(call.at - asyncio.get_running_loop().time())
    job.arrived = asyncio.get_running_loop().time()
    sender = Sender(
        priority=Priority.INTERACTIVE if job.urgent else Priority.BACKGROUND,
        affinity=str(call.talk),
        fair=str(call.user),
        request_id=str(job.number),
    )
    try:
        asked = replace(read_call(RELAYED["/api/chat"], body_of(call)), sender=sender)
        async with relay.send(asked) as reply:
            async for _ in reply.chunks:
                pass
    except (ClusterError, Broken, TimeoutError) as exc:
        job.first = None
        return str(exc)
    return ""


def through_gateway(calls: Sequence[Call], nodes: Sequence[Node], **settings: Any) -> Outcome:
    """What becomes of the trace. ``settings``: of the gateway, where they are not the defaults."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    jobs = fresh(calls)

    async def work() -> list[str]:
        async with room(nodes, jobs, settings_for(nodes, **settings)) as relay, asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(relay, call, job)) for call, job in zip(calls, jobs, strict=True)]
        return [said for task in asked if (said := task.result())]

    refused = run(work())
    return Outcome(jobs, [at for node in nodes for at in node.loads], refused)
