"""Work ends with the connection of whoever asked for it, and for no other reason."""

import asyncio

import pytest

from cluster_ai.core.asgi.leaving import ClientLeft, Leaving, until_left

pytestmark = pytest.mark.anyio


def connection() -> tuple[Leaving, dict, list[str]]:
    read: list[str] = []
    leaving, scope = Leaving(lambda: read.append("on"), lambda: read.append("end")), {}
    leaving.offer(scope)
    return leaving, scope, read


async def worked(scope: dict) -> str:
    try:
        with until_left(scope):
            await asyncio.sleep(30)
    except ClientLeft:
        await asyncio.sleep(0)
        return "left"
    return "done"


async def test_work_ends_when_the_client_leaves() -> None:
    leaving, scope, read = connection()
    work = asyncio.ensure_future(worked(scope))
    await asyncio.sleep(0)
    assert read == ["on"], "the end of a connection is heard by who reads"
    leaving.tell()
    assert await work == "left"
    assert not leaving.tasks


async def test_work_for_who_has_left_does_not_begin() -> None:
    leaving, scope, _ = connection()
    leaving.tell()
    assert await worked(scope) == "left"


async def test_stop_of_the_process_is_not_hidden() -> None:
    leaving, scope, _ = connection()
    work = asyncio.ensure_future(worked(scope))
    await asyncio.sleep(0)
    leaving.tell()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_work_that_is_done_is_not_ended_by_what_comes_later() -> None:
    leaving, scope, _ = connection()
    with until_left(scope):
        await asyncio.sleep(0)
    leaving.tell()
    await asyncio.sleep(0)


async def test_error_of_the_work_goes_first() -> None:
    leaving, scope, _ = connection()

    async def work() -> None:
        with until_left(scope):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                raise ValueError("its own") from None

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    leaving.tell()
    with pytest.raises(ValueError, match="its own"):
        await task
    assert not task.cancelling()
