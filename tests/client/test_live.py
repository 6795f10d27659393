"""Live messages: order, resuming, outages, and leaving."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from cluster_ai.client import AsyncClient, Message, Reconnect
from cluster_ai.core import errors
from tests.tui.api_process import TOKEN
from tests.tui.running import Api, api_process
from tests.tui.samples import cluster

FAST = Reconnect(first=0.01, cap=0.05, silence=0.5)


def run(what: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await what

    return asyncio.run(bounded())


async def collect(api: Api, count: int, **options: Any) -> list[Message]:
    found: list[Message] = []
    async with AsyncClient(api.url, token=TOKEN) as client, aclosing(client.live("overview", **options)) as messages:
        async for message in messages:
            found.append(message)
            if len(found) == count:
                break
    return found


def test_messages_come_in_order(api: Api) -> None:
    first = api.show(cluster(nodes=1))
    api.show(cluster(nodes=2))
    found = run(collect(api, 2, after=first - 1))
    assert [message.number for message in found] == [first, first + 1]
    assert [len(message.data["nodes"]) for message in found] == [1, 2]


def test_a_cut_stream_is_resumed_where_it_ended(api: Api) -> None:
    first = api.show(cluster())
    for _ in range(3):
        api.show(cluster())
    api.script(cut=1)
    troubles: list[str] = []
    found = run(
        collect(api, 4, after=first - 1, reconnect=FAST, on_trouble=lambda error, _: troubles.append(error.message))
    )
    assert [message.number for message in found] == list(range(first, first + 4))
    assert len(troubles) == 3


def test_silence_counts_as_dead(api: Api) -> None:
    api.script(quiet=True)

    async def wait() -> errors.ClusterError:
        told: asyncio.Queue[errors.ClusterError] = asyncio.Queue()
        task = asyncio.create_task(collect(api, 1, reconnect=FAST, on_trouble=lambda e, _: told.put_nowait(e)))
        error = await told.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return error

    assert "did not answer in time" in run(wait()).message


def test_server_restart_is_followed() -> None:
    async def follow() -> list[int]:
        with api_process() as api:
            api.show(cluster(nodes=1))
            client = AsyncClient(api.url, token=TOKEN)
            messages = client.live("overview", reconnect=FAST)
            seen = [len((await anext(messages)).data["nodes"])]
        # The port stays ours to use again: nobody else asks for this exact one.
        waiting = asyncio.ensure_future(anext(messages))
        with api_process("--tick", "0.1", "--nodes", "2", port=api.port):
            seen.append(len((await waiting).data["nodes"]))
            await messages.aclose()
            await client.aclose()
        return seen

    assert run(follow()) == [1, 2]


def test_waiting_does_not_mend_a_wrong_token(api: Api) -> None:
    async def ask() -> None:
        async with AsyncClient(api.url, token="wrong") as client, aclosing(client.live("overview")) as messages:
            await anext(messages)

    with pytest.raises(errors.Unauthenticated):
        run(ask())


def test_leaving_closes_the_connection(api: Api) -> None:
    before = api.seen()["left"]
    api.show(cluster())
    run(collect(api, 1))
    api.show(cluster())

    async def gone() -> None:
        while api.seen()["left"] == before:
            await asyncio.sleep(0.02)

    run(gone())


def test_async_calls_and_streams(api: Api) -> None:
    api.script(pull=[{"status": "a"}, {"status": "b"}], chat=[{"done": True}])

    async def ask() -> list[str]:
        async with AsyncClient(api.url, token=TOKEN) as client:
            assert (await client.system()).name == "home"
            async with client.pull("m") as steps:
                found = [step.status async for step in steps]
            async with client.chat({"model": "m"}) as answer:
                assert answer.served_by.node == "n1"
                assert [line async for line in answer.lines] == [{"done": True}]
            return found

    assert run(ask()) == ["a", "b"]


def test_pause_doubles_up_to_its_cap() -> None:
    policy, rng = Reconnect(first=1.0, cap=8.0), random.Random(1)
    for attempt, whole in enumerate([1, 2, 4, 8, 8, 8]):
        assert whole / 2 <= policy.pause(attempt, rng) <= whole
    assert policy.pause(10_000, rng) <= 8
